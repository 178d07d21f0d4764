// Execution: what the device is asked to do for an operation, step by step.
#include "core/scheduler.hpp"

#include "core/mutation.hpp"

#include <algorithm>
#include <cassert>

namespace aoetarget::core {

using protocol::AtaAction;
using Step = Operation::Step;

void Scheduler::start(Operation& operation) {
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

void Scheduler::submit(Operation& operation, Step step, Io::Op op, const SectorRange& range,
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
    resources_.holdings.operation_begins(account_);
    device_.submit(operation);
}

// --- Reads and writes ----------------------------------------------------------------------------

void Scheduler::start_run(Operation& operation, Request* first, std::size_t count) {
    operation.run_first = first;
    operation.run_count = count;
    operation.run = first->range;
    bool direct = true;
    const Request* request = first;
    for (std::size_t i = 0; i < count; ++i, request = request->next) {
        direct = direct && whole_blocks(request->range) == request->range && is_aligned(request->data());
        operation.run.count = request->range.end() - operation.run.first;
    }
    operation.run_blocks = whole_blocks(operation.run);
    if (direct)
        transfer(operation);
    else
        start_bounced(operation);
}

bool Scheduler::is_aligned(ConstBytes data) const {
    return reinterpret_cast<std::uintptr_t>(data.data()) % geometry_.memory_alignment == 0;
}

/// Between the device and the slots, nothing copied.
void Scheduler::transfer(Operation& operation) {
    const Request* request = operation.run_first;
    for (std::size_t i = 0; i < operation.run_count; ++i, request = request->next) {
        const Bytes data = request->data();
        operation.vectors[i] = {data.data(), data.size()};
    }
    const Io::Op op = operation.action == AtaAction::read ? Io::Op::read : Io::Op::write;
    submit(operation, Step::transfer, op, operation.run, operation.run_count);
}

bool Scheduler::take_bounce(Operation& operation) {
    if (operation.bounce.empty())
        operation.bounce = resources_.bounce.take(account_);
    if (operation.bounce.empty())
        resources_.bounce.wait(operation);
    return !operation.bounce.empty();
}

void Scheduler::start_bounced(Operation& operation) {
    if (!take_bounce(operation))
        return; // comes here again when one is free
    const SectorRange& run = operation.run;
    const SectorRange& blocks = operation.run_blocks;
    if (operation.action == AtaAction::read) {
        submit_bounced(operation, Step::bounced_read, blocks);
    } else if (run != blocks && geometry_.logical_block_bytes < geometry_.memory_alignment) {
        ++counters_.patched;
        submit_bounced(operation, Step::patch_tail, blocks); // the last block alone might lie misaligned
    } else if (run.first != blocks.first) {
        ++counters_.patched;
        submit_bounced(operation, Step::patch_head, {blocks.first, block_sectors_});
    } else if (run.end() != blocks.end() && !mutated(Mutation::skip_tail)) {
        ++counters_.patched;
        submit_bounced(operation, Step::patch_tail, {blocks.end() - block_sectors_, block_sectors_});
    } else {
        write_patched(operation);
    }
}

/// Between the device and the bounce buffer, which holds run_blocks from its beginning.
void Scheduler::submit_bounced(Operation& operation, Step step, const SectorRange& range) {
    const std::size_t offset = (range.first - operation.run_blocks.first) * sector_bytes;
    operation.vectors[0] = {operation.bounce.data() + offset, range.bytes()};
    submit(operation, step, step == Step::bounced_write ? Io::Op::write : Io::Op::read, range, 1);
}

void Scheduler::write_patched(Operation& operation) {
    const Request* request = operation.run_first;
    for (std::size_t i = 0; i < operation.run_count; ++i, request = request->next) {
        const std::size_t offset = (request->range.first - operation.run_blocks.first) * sector_bytes;
        std::ranges::copy(request->data(), operation.bounce.begin() + static_cast<std::ptrdiff_t>(offset));
    }
    submit_bounced(operation, Step::bounced_write, operation.run_blocks);
}

// --- Discards and verification -------------------------------------------------------------------

void Scheduler::next_discard(Operation& operation) {
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
        const std::uint64_t mask = block_sectors_ - 1;
        std::uint64_t first = (range.first + mask) & ~mask;
        std::uint64_t end = range.end() & ~mask;
        if (mutated(Mutation::trim_whole_blocks)) {
            first = whole_blocks(range).first;
            end = whole_blocks(range).end();
        }
        if (mutated(Mutation::trim_first_only) && range.count > 0)
            operation.cursor = entries;
        if (first < end) {
            submit(operation, Step::discard, Io::Op::discard, {first, end - first}, 0);
            return;
        }
    }
    run_ended(operation, 0);
}

void Scheduler::next_verify(Operation& operation) {
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

void Scheduler::verified(Operation& operation, int error) {
    const std::uint64_t bad_sector = std::max(operation.cursor, operation.sectors.first);
    if (error == 0) {
        operation.cursor = operation.range.end();
        next_verify(operation);
    } else if (operation.verify_step > block_sectors_) {
        operation.verify_step = block_sectors_; // block by block from here, to find the first that is bad
        next_verify(operation);
    } else {
        run_ended(operation, error, bad_sector);
    }
}

// --- Reading ahead -------------------------------------------------------------------------------

void Scheduler::start_fetch(Operation& operation) {
    operation.vectors[0] = {operation.piece->memory.data(), operation.sectors.bytes()};
    submit(operation, Step::fetch, Io::Op::read, operation.sectors, 1);
}

/// Those who waited for it get their part. If it failed, each is read alone, in its place in the order: the
/// fault may lie where nobody has asked.
void Scheduler::fetch_ended(Operation& operation, int error) {
    Piece& piece = *operation.piece;
    Request* request = std::exchange(operation.first, nullptr);
    while (error == 0 && request != nullptr) {
        Request* following = request->next;
        copy_from_piece(piece, *request);
        ++counters_.read_ahead;
        release(*request);
        sink_.finished(*request, 0, 0);
        resources_.requests.give_back(request);
        request = following;
    }
    piece.spoilt = piece.spoilt || error != 0;
    resources_.pieces.fetched(piece, resources_.holdings.now());
    while (request != nullptr) {
        Request* following = request->next;
        Operation& again = operation_for(request);
        again.sequence = operation.sequence;
        queue(again, nullptr); // nothing that was in the way of the fetch is left
        request = following;
    }
    retire(operation);
}

// --- Completion ----------------------------------------------------------------------------------

void Scheduler::completed(Operation& operation, int error) {
    resources_.holdings.operation_ended(account_);
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
                 operation.run_blocks.count > block_sectors_)
            submit_bounced(operation, Step::patch_tail,
                           {operation.run_blocks.end() - block_sectors_, block_sectors_});
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
void Scheduler::run_ended(Operation& operation, int error, std::uint64_t bad_sector) {
    const bool reads_or_writes = operation.action == AtaAction::read || operation.action == AtaAction::write;
    if (error != 0 && reads_or_writes && operation.run_count > 1) {
        start_run(operation, operation.first, 1);
        return;
    }
    std::size_t ended = reads_or_writes ? operation.run_count : operation.count;
    while (ended-- > 0) {
        Request* request = operation.first;
        operation.first = request->next;
        release(*request);
        if (changes_data(operation.action))
            history_.ended(*request, resources_.holdings.now());
        sink_.finished(*request, error, bad_sector);
        resources_.requests.give_back(request);
    }
    if (operation.first != nullptr) {
        start_run(operation, operation.first, 1);
        return;
    }
    if (!operation.bounce.empty()) {
        if (Operation* waiter = resources_.bounce.give_back(operation.bounce, account_))
            waiter->scheduler->resume(*waiter);
        operation.bounce = {};
    }
    retire(operation);
}

/// A bounce buffer has become free for an operation that waited for one.
void Scheduler::resume(Operation& operation) {
    if (operation.action == AtaAction::verify)
        next_verify(operation);
    else
        start_bounced(operation);
}

} // namespace aoetarget::core
