// The way of an export's requests to its device and back. A request passes four rooms:
//
// - admission (admission.hpp): whether it is taken,
// - order (order.hpp): which operation it becomes part of, and what that waits for,
// - execution (execution.hpp): what the device is asked to do for an operation,
// - reading ahead (read_ahead.hpp): what the device is asked before anybody asks for it.
#pragma once

#include "core/execution.hpp"

namespace aoetarget::core {

class Scheduler {
  public:
    /// `counters`: of the export. The scheduler counts what becomes of requests, and what the device does.
    Scheduler(BlockDevice& device, const Geometry& geometry, SchedulerResources& resources, RequestSink& sink,
              ExportStats& counters);

    /// Room for so many operations at once, so that nothing is allocated when they come.
    void reserve(std::size_t operations) { order_.reserve(operations); }
    /// Takes over a request from the resources' pool, and gives it back there when it is finished.
    void admit(Request* request) { admission_.admit(request); }
    /// Starts what is ready. Called when a whole batch was admitted, so that neighbours have met.
    void dispatch();
    /// The device has ended what it was last given for `operation`.
    void completed(Operation& operation, int error) { execution_.completed(operation, error); }
    /// A bounce buffer has become free for an operation that waited for one.
    void resume(Operation& operation) { execution_.resume(operation); }
    /// Flushes the device after everything that was admitted; nothing may be admitted any more. Over when
    /// idle().
    void close();
    [[nodiscard]] bool idle() const { return order_.idle(); }

    [[nodiscard]] Account& account() { return admission_.account(); }
    [[nodiscard]] Admission& admission() { return admission_; }
    [[nodiscard]] const Order& order() const { return order_; }

  private:
    Order order_;
    ReadAhead read_ahead_;
    Admission admission_;
    Execution execution_;
    const bool flushes_; ///< At its end.
    bool closed_ = false;
};

} // namespace aoetarget::core
