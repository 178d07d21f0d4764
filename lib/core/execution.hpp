// Execution: what the device is asked to do for an operation, step by step.
//
// Requests that do not cover whole logical blocks, or that lie where the device cannot reach them, go through
// a bounce buffer: the blocks are read, patched and written while the operation keeps others off them.
#pragma once

#include "core/admission.hpp"

namespace aoetarget::core {

class Execution {
  public:
    Execution(BlockDevice& device, const Geometry& geometry, const Blocks& blocks,
              SchedulerResources& resources, Order& order, ReadAhead& read_ahead, Admission& admission,
              ExportStats& counters);
    ~Execution() { resources_.bounce.remove_export(); }
    Execution(const Execution&) = delete;
    Execution& operator=(const Execution&) = delete;

    void start(Operation& operation);
    /// The device has ended what it was last given for `operation`.
    void completed(Operation& operation, int error);
    /// A bounce buffer has become free for an operation that waited for one.
    void resume(Operation& operation);

  private:
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
    void run_ended(Operation& operation, int error, std::uint64_t bad_sector = 0);

    BlockDevice& device_;
    const std::uint32_t memory_alignment_;
    const Blocks blocks_;
    SchedulerResources& resources_;
    Order& order_;
    ReadAhead& read_ahead_;
    Admission& admission_;
    ExportStats& counters_;
};

} // namespace aoetarget::core
