// Joins the parts of a scheduler.
#include "core/scheduler.hpp"

#include "core/mutation.hpp"

namespace aoetarget::core {

Scheduler::Scheduler(const Backing& backing, SchedulerResources& resources, RequestSink& sink,
                     FlushSink& flush_sink, ExportStats& counters)
    : order_(*this, backing.blocks, resources, counters),
      read_ahead_(backing, resources.pieces, order_, counters),
      admission_(resources, order_, read_ahead_, sink, counters),
      execution_(backing, resources, order_, read_ahead_, admission_, flush_sink, counters), sink_(sink),
      backing_(backing) {}

void Scheduler::dispatch() {
    Operation* operation = order_.take_ready();
    while (operation != nullptr) {
        Operation* following = operation->next;
        operation->state = Operation::State::running;
        execution_.start(*operation);
        operation = following;
    }
}

void Scheduler::close() {
    if (!std::exchange(closed_, true) && !backing_.geometry.read_only && !mutated(Mutation::end_unflushed))
        drain();
}

void Scheduler::device_changed() {
    if (!mutated(Mutation::keep_blocks))
        order_.blocks_changed();
    read_ahead_.device_changed();
}

std::optional<Time> Scheduler::give_up(Time arrived_until) {
    order_.for_each([&](Operation& operation) {
        for (Request* request = operation.first; request != nullptr; request = request->next) {
            if (!request->given_up && request->slot.arrival() <= arrived_until && sink_.give_up(*request))
                ++operation.given_up;
        }
    });
    return oldest_arrival();
}

std::optional<Time> Scheduler::oldest_arrival() const {
    std::optional<Time> oldest;
    order_.for_each([&](const Operation& operation) {
        for (const Request* request = operation.first; request != nullptr; request = request->next) {
            const Time arrival = request->slot.arrival();
            if (!request->given_up)
                oldest = std::min(oldest.value_or(arrival), arrival);
        }
    });
    return oldest;
}

} // namespace aoetarget::core
