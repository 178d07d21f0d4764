// How the rooms of a scheduler are joined.
#include "core/scheduler.hpp"

#include "core/mutation.hpp"

namespace aoetarget::core {
namespace {

Blocks blocks_of(const Geometry& geometry) {
    return {geometry.logical_block_bytes / sector_bytes};
}

} // namespace

Scheduler::Scheduler(BlockDevice& device, const Geometry& geometry, SchedulerResources& resources,
                     RequestSink& sink, ExportStats& counters)
    : order_(*this, blocks_of(geometry), resources, counters),
      read_ahead_(geometry, blocks_of(geometry), resources.pieces, order_, counters),
      admission_(resources, order_, read_ahead_, sink, counters),
      execution_(device, geometry, blocks_of(geometry), resources, order_, read_ahead_, admission_, counters),
      flushes_(!geometry.read_only) {}

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
    if (!std::exchange(closed_, true) && flushes_ && !mutated(Mutation::end_unflushed))
        order_.place_flush();
}

} // namespace aoetarget::core
