// Execution gives the device the work of an operation, step by step.
//
// Requests that do not cover whole logical blocks, or whose memory the device cannot use, go through a bounce
// buffer: the blocks are read, patched and written while the operation keeps others off them.
#pragma once

#include "core/admission.hpp"

namespace aoetarget::core {

/// Learns when a flush has ended that no request asked for. The device has no operation then.
class FlushSink {
  public:
    virtual void flushed(int error) = 0;

  protected:
    ~FlushSink() = default;
};

class Execution {
  public:
    Execution(const Backing& backing, SchedulerResources& resources, Order& order, ReadAhead& read_ahead,
              Admission& admission, FlushSink& flush_sink, ExportStats& counters);
    ~Execution() { resources_.bounce.remove_export(); }
    Execution(const Execution&) = delete;
    Execution& operator=(const Execution&) = delete;

    void start(Operation& operation);
    /// Takes note that the device has ended its last step for `operation`.
    void completed(Operation& operation, int error);
    /// Continues an operation that waited for a bounce buffer.
    void resume(Operation& operation);

  private:
    [[nodiscard]] int refusal_of(const Operation& operation) const;
    void submit(Operation& operation, Operation::Step step, Io::Op op, const SectorRange& range,
                std::size_t vectors);
    void start_run(Operation& operation, Request* first, std::size_t count);
    [[nodiscard]] bool is_aligned(ConstBytes data) const;
    void transfer(Operation& operation);
    bool take_bounce(Operation& operation);
    void start_bounced(Operation& operation);
    void submit_bounced(Operation& operation, Operation::Step step, const SectorRange& range);
    void write_patched(Operation& operation);
    void next_discard(Operation& operation);
    void next_verify(Operation& operation);
    void verified(Operation& operation, int error);
    void start_fetch(Operation& operation);
    void fetch_ended(Operation& operation, int error);
    void flush(Operation& operation);
    void flush_ended(Operation& operation, int error);
    void run_ended(Operation& operation, int error, std::uint64_t bad_sector = 0);
    void end_first(Operation& operation, int error, std::uint64_t bad_sector = 0);
    void next_run(Operation& operation);

    const Backing& backing_;
    SchedulerResources& resources_;
    Order& order_;
    ReadAhead& read_ahead_;
    Admission& admission_;
    FlushSink& flush_sink_;
    ExportStats& counters_;
};

} // namespace aoetarget::core
