// The way of an export's requests to its device and back. A request passes four parts:
//
// - admission (admission.hpp): whether it is taken,
// - order (order.hpp): which operation it becomes part of, and for which others that waits,
// - execution (execution.hpp): the steps of an operation at the device,
// - reading ahead (read_ahead.hpp): reads of the device before a request comes for their data.
#pragma once

#include "core/execution.hpp"

namespace aoetarget::core {

class Scheduler {
  public:
    /// `counters` are those of the export. The scheduler counts the fates of requests, and the operations of
    /// the device.
    Scheduler(const Backing& backing, SchedulerResources& resources, RequestSink& sink, FlushSink& flush_sink,
              ExportStats& counters);

    /// Makes room for this many operations at once, so that nothing is allocated when they come.
    void reserve(std::size_t operations) { order_.reserve(operations); }
    /// Takes over a request from the resources' pool, and gives it back there when it is finished.
    void admit(Request* request) { admission_.admit(request); }
    /// Starts the operations that are ready. It is called when a whole batch is admitted, so that neighbours
    /// have met.
    void dispatch();
    /// Takes note that the device has ended its last step for `operation`.
    void completed(Operation& operation, int error) { execution_.completed(operation, error); }
    /// Continues an operation that waited for a bounce buffer.
    void resume(Operation& operation) { execution_.resume(operation); }
    /// Flushes the device after everything that was admitted. When the FlushSink is called, the device has
    /// no other operation, and requests that were admitted meanwhile wait.
    void drain() { order_.place_flush(); }
    /// Another device has taken over. Call this from the FlushSink.
    void device_changed();
    /// Does the same as drain(); nothing may be admitted any more. This is done when idle() is true.
    void close();
    /// Gives up the requests that arrived until then. Returns oldest_arrival() of the others.
    std::optional<Time> give_up(Time arrived_until);
    /// Returns when the oldest request under way arrived that is not given up, or nothing if there is none.
    [[nodiscard]] std::optional<Time> oldest_arrival() const;
    [[nodiscard]] bool idle() const { return order_.idle(); }

    [[nodiscard]] Account& account() { return admission_.account(); }
    [[nodiscard]] Admission& admission() { return admission_; }
    [[nodiscard]] const Order& order() const { return order_; }

  private:
    Order order_;
    ReadAhead read_ahead_;
    Admission admission_;
    Execution execution_;
    RequestSink& sink_;
    const Backing& backing_;
    bool closed_ = false;
};

} // namespace aoetarget::core
