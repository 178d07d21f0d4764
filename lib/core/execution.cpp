// Execution: runs of reads and writes, discards, verification, fetches.
#include "core/execution.hpp"

#include "core/mutation.hpp"
#include "core/scheduler.hpp"

#include <algorithm>
#include <cassert>

namespace aoetarget::core {

using protocol::AtaAction;
using Step = Operation::Step;

Execution::Execution(BlockDevice& device, const Geometry& geometry, const Blocks& blocks,
                     SchedulerResources& resources, Order& order, ReadAhead& read_ahead, Admission& admission,
                     ExportStats& counters)
    : device_(device), memory_alignment_(geometry.memory_alignment), blocks_(blocks), resources_(resources),
      order_(order), read_ahead_(read_ahead), admission_(admission), counters_(counters) {
    resources_.bounce.add_export();
}

void Execution::start(Operation& operation) {
    if (operation.piece != nullptr) {
        start_fetch(operation);
        return;
    }
    switch (operation.action) {
    case AtaAction::read:
    case AtaAction::write:
        start_run(operation, operation.first, operation.count);
        return;
    case AtaAction::data_set_management:
        operation.cursor = 0;
        next_discard(operation);
        return;
    case AtaAction::verify:
        operation.cursor = operation.exclusive.first;
        operation.verify_step = BouncePool::buffer_bytes / sector_bytes;
        next_verify(operation);
        return;
    default: // flush, standby, and switching the write cache off
        submit(operation, Step::flush, Io::Op::flush, {}, 0);
    }
}

void Execution::submit(Operation& operation, Step step, Io::Op op, const SectorRange& range,
                       std::size_t vectors) {
    ++counters_.device_operations;
    operation.step = step;
    operation.op = op;
    operation.durable =
        operation.first != nullptr && operation.first->durable && !mutated(Mutation::forget_durable);
    operation.range = range;
    operation.buffers = std::span(operation.vectors).first(vectors);
    operation.device_data = {};
    operation.started_turn = resources_.turn;
    resources_.holdings.operation_begins(admission_.account());
    device_.submit(operation);
}

// --- Reads and writes ----------------------------------------------------------------------------

void Execution::start_run(Operation& operation, Request* first, std::size_t count) {
    operation.run_first = first;
    operation.run_count = count;
    operation.run = first->range;
    bool direct = true;
    const Request* request = first;
    for (std::size_t i = 0; i < count; ++i, request = request->next) {
        direct = direct && blocks_.around(request->range) == request->range && is_aligned(request->data());
        operation.run.count = request->range.end() - operation.run.first;
    }
    operation.run_blocks = blocks_.around(operation.run);
    if (direct)
        transfer(operation);
    else
        start_bounced(operation);
}

bool Execution::is_aligned(ConstBytes data) const {
    return reinterpret_cast<std::uintptr_t>(data.data()) % memory_alignment_ == 0;
}

/// Between the device and the slots, nothing copied.
void Execution::transfer(Operation& operation) {
    const Request* request = operation.run_first;
    for (std::size_t i = 0; i < operation.run_count; ++i, request = request->next) {
        const Bytes data = request->data();
        operation.vectors[i] = {data.data(), data.size()};
    }
    const Io::Op op = operation.action == AtaAction::read ? Io::Op::read : Io::Op::write;
    submit(operation, Step::transfer, op, operation.run, operation.run_count);
}

bool Execution::take_bounce(Operation& operation) {
    if (operation.bounce.empty())
        operation.bounce = resources_.bounce.take(admission_.account());
    if (operation.bounce.empty())
        resources_.bounce.wait(operation);
    return !operation.bounce.empty();
}

void Execution::start_bounced(Operation& operation) {
    if (!take_bounce(operation))
        return; // comes here again when one is free
    const SectorRange& run = operation.run;
    const SectorRange& blocks = operation.run_blocks;
    if (operation.action == AtaAction::read) {
        submit_bounced(operation, Step::bounced_read, blocks);
    } else if (run != blocks && blocks_.sectors * sector_bytes < memory_alignment_) {
        ++counters_.patched;
        submit_bounced(operation, Step::patch_tail, blocks); // the last block alone might lie misaligned
    } else if (run.first != blocks.first) {
        ++counters_.patched;
        submit_bounced(operation, Step::patch_head, {blocks.first, blocks_.sectors});
    } else if (run.end() != blocks.end() && !mutated(Mutation::skip_tail)) {
        ++counters_.patched;
        submit_bounced(operation, Step::patch_tail, {blocks.end() - blocks_.sectors, blocks_.sectors});
    } else {
        write_patched(operation);
    }
}

/// Between the device and the bounce buffer, which holds run_blocks from its beginning.
void Execution::submit_bounced(Operation& operation, Step step, const SectorRange& range) {
    const std::size_t offset = (range.first - operation.run_blocks.first) * sector_bytes;
    operation.vectors[0] = {operation.bounce.data() + offset, range.bytes()};
    submit(operation, step, step == Step::bounced_write ? Io::Op::write : Io::Op::read, range, 1);
}

void Execution::write_patched(Operation& operation) {
    const Request* request = operation.run_first;
    for (std::size_t i = 0; i < operation.run_count; ++i, request = request->next) {
        const std::size_t offset = (request->range.first - operation.run_blocks.first) * sector_bytes;
        std::ranges::copy(request->data(), operation.bounce.begin() + static_cast<std::ptrdiff_t>(offset));
    }
    submit_bounced(operation, Step::bounced_write, operation.run_blocks);
}

// --- Discards and verification -------------------------------------------------------------------

void Execution::next_discard(Operation& operation) {
    const Bytes list = operation.first->payload();
    const std::size_t entries = list.size() / protocol::dsm_entry_bytes;
    while (operation.cursor < entries) {
        SectorRange range = protocol::dsm_entry(list, operation.cursor++);
        while (operation.cursor < entries) { // a long range comes as many entries of 65535 sectors
            const SectorRange following = protocol::dsm_entry(list, operation.cursor);
            if (following.count != 0 && following.first != range.end())
                break;
            range.count += following.count;
            ++operation.cursor;
        }
        // Only whole blocks can be discarded. That is allowed: a trim is advice.
        const SectorRange blocks =
            mutated(Mutation::trim_whole_blocks) ? blocks_.around(range) : blocks_.within(range);
        if (mutated(Mutation::trim_first_only) && range.count > 0)
            operation.cursor = entries;
        if (blocks.count > 0) {
            submit(operation, Step::discard, Io::Op::discard, blocks, 0);
            return;
        }
    }
    run_ended(operation, 0);
}

void Execution::next_verify(Operation& operation) {
    if (operation.cursor >= operation.exclusive.end()) {
        run_ended(operation, 0);
        return;
    }
    if (!take_bounce(operation))
        return;
    const std::uint64_t count = std::min(operation.verify_step, operation.exclusive.end() - operation.cursor);
    operation.vectors[0] = {operation.bounce.data(), count * sector_bytes};
    submit(operation, Step::verify, Io::Op::read, {operation.cursor, count}, 1);
}

void Execution::verified(Operation& operation, int error) {
    const std::uint64_t bad_sector = std::max(operation.cursor, operation.sectors.first);
    if (error == 0) {
        operation.cursor = operation.range.end();
        next_verify(operation);
    } else if (operation.verify_step > blocks_.sectors) {
        operation.verify_step = blocks_.sectors; // block by block from here, to find the first that is bad
        next_verify(operation);
    } else {
        run_ended(operation, error, bad_sector);
    }
}

// --- Reading ahead -------------------------------------------------------------------------------

void Execution::start_fetch(Operation& operation) {
    operation.vectors[0] = {operation.piece->memory.data(), operation.sectors.bytes()};
    submit(operation, Step::fetch, Io::Op::read, operation.sectors, 1);
}

/// Those who waited for it get their part. If it failed, each is read alone, in its place in the order: the
/// fault may lie where nobody has asked.
void Execution::fetch_ended(Operation& operation, int error) {
    Piece& piece = *operation.piece;
    Request* request = std::exchange(operation.first, nullptr);
    while (error == 0 && request != nullptr) {
        Request* following = request->next;
        read_ahead_.serve(piece, *request);
        admission_.finish(request, 0);
        request = following;
    }
    read_ahead_.fetched(piece, error, resources_.holdings.now());
    while (request != nullptr) {
        Request* following = request->next;
        order_.place_again(request, operation);
        request = following;
    }
    order_.retire(operation);
}

// --- Completion ----------------------------------------------------------------------------------

void Execution::completed(Operation& operation, int error) {
    resources_.holdings.operation_ended(admission_.account());
    switch (operation.step) {
    case Step::flush:
        counters_.flush_errors += error != 0 ? 1 : 0;
        run_ended(operation, error);
        return;
    case Step::transfer:
    case Step::bounced_write:
        run_ended(operation, error);
        return;
    case Step::bounced_read:
        if (error == 0) {
            Request* request = operation.run_first;
            for (std::size_t i = 0; i < operation.run_count; ++i, request = request->next) {
                const std::size_t offset = (request->range.first - operation.run_blocks.first) * sector_bytes;
                std::ranges::copy(operation.bounce.subspan(offset, request->range.bytes()),
                                  request->data().begin());
            }
        }
        run_ended(operation, error);
        return;
    case Step::patch_head:
        if (error != 0)
            run_ended(operation, error);
        else if (operation.run.end() != operation.run_blocks.end() &&
                 operation.run_blocks.count > blocks_.sectors)
            submit_bounced(operation, Step::patch_tail,
                           {operation.run_blocks.end() - blocks_.sectors, blocks_.sectors});
        else
            write_patched(operation);
        return;
    case Step::patch_tail:
        if (error != 0)
            run_ended(operation, error);
        else
            write_patched(operation);
        return;
    case Step::discard:
        if (error != 0)
            run_ended(operation, error);
        else
            next_discard(operation);
        return;
    case Step::verify:
        verified(operation, error);
        return;
    case Step::fetch:
        fetch_ended(operation, error);
        return;
    }
}

/// A part of the operation is over. If several requests failed together each is done again alone, so that
/// each gets its own answer.
void Execution::run_ended(Operation& operation, int error, std::uint64_t bad_sector) {
    const bool reads_or_writes = operation.action == AtaAction::read || operation.action == AtaAction::write;
    if (error != 0 && reads_or_writes && operation.run_count > 1) {
        start_run(operation, operation.first, 1);
        return;
    }
    std::size_t ended = reads_or_writes ? operation.run_count : operation.count;
    while (ended-- > 0) {
        Request* request = operation.first;
        operation.first = request->next;
        admission_.finish(request, error, bad_sector);
    }
    if (operation.first != nullptr) {
        start_run(operation, operation.first, 1);
        return;
    }
    if (!operation.bounce.empty()) {
        if (Operation* waiter = resources_.bounce.give_back(operation.bounce, admission_.account()))
            waiter->scheduler->resume(*waiter);
        operation.bounce = {};
    }
    order_.retire(operation);
}

void Execution::resume(Operation& operation) {
    if (operation.action == AtaAction::verify)
        next_verify(operation);
    else
        start_bounced(operation);
}

} // namespace aoetarget::core
