// Execution: runs of reads and writes, discards, verification, fetches.
#include "core/execution.hpp"

#include "core/mutation.hpp"
#include "core/scheduler.hpp"

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <utility>

namespace aoetarget::core {

using protocol::AtaAction;
using Step = Operation::Step;

namespace {

/// Returns whether requests are not yet carried out after this step.
bool has_more_steps(Step step) {
    return step == Step::patch_head || step == Step::patch_tail || step == Step::discard ||
           step == Step::verify;
}

/// Returns whether the part that is under way has a request that was given up.
bool is_given_up(const Operation& operation) {
    if (operation.given_up == 0 || operation.count == 1)
        return operation.given_up > 0;
    const Request* request = operation.run_first;
    for (std::size_t i = 0; i < operation.run_count; ++i, request = request->next) {
        if (request->given_up)
            return true;
    }
    return false;
}

} // namespace

Execution::Execution(const Backing& backing, SchedulerResources& resources, Order& order,
                     ReadAhead& read_ahead, Admission& admission, FlushSink& flush_sink,
                     ExportStats& counters)
    : backing_(backing), resources_(resources), order_(order), read_ahead_(read_ahead), admission_(admission),
      flush_sink_(flush_sink), counters_(counters) {
    resources_.bounce.add_export();
}

void Execution::start(Operation& operation) {
    if (operation.piece != nullptr) {
        start_fetch(operation);
        return;
    }
    if (operation.given_up > 0) {
        next_run(operation);
        return;
    }
    if (const int error = refusal_of(operation); error != 0) {
        while (operation.first != nullptr)
            end_first(operation, error);
        next_run(operation);
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
        flush(operation);
    }
}

/// Requests that were admitted while the export had another device were not checked against this one.
int Execution::refusal_of(const Operation& operation) const {
    if (!changes_data(operation.action))
        return 0;
    if (backing_.geometry.read_only)
        return EROFS;
    const bool can_trim = backing_.geometry.discard || mutated(Mutation::trim_anyway);
    return operation.action == AtaAction::data_set_management && !can_trim ? EOPNOTSUPP : 0;
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
    backing_.device->submit(operation);
}

// --- Reads and writes ----------------------------------------------------------------------------

void Execution::start_run(Operation& operation, Request* first, std::size_t count) {
    operation.run_first = first;
    operation.run_count = count;
    operation.run = first->range;
    bool direct = true;
    const Request* request = first;
    for (std::size_t i = 0; i < count; ++i, request = request->next) {
        direct =
            direct && backing_.blocks.around(request->range) == request->range && is_aligned(request->data());
        operation.run.count = request->range.end() - operation.run.first;
    }
    operation.run_blocks = backing_.blocks.around(operation.run);
    if (direct)
        transfer(operation);
    else
        start_bounced(operation);
}

bool Execution::is_aligned(ConstBytes data) const {
    return reinterpret_cast<std::uintptr_t>(data.data()) % backing_.geometry.memory_alignment == 0;
}

/// Moves data between the device and the slots directly.
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
        return; // the operation comes here again when one is free
    const SectorRange& run = operation.run;
    const SectorRange& blocks = operation.run_blocks;
    if (operation.action == AtaAction::read) {
        submit_bounced(operation, Step::bounced_read, blocks);
    } else if (run != blocks && backing_.blocks.sectors * sector_bytes < backing_.geometry.memory_alignment) {
        ++counters_.patched;
        submit_bounced(operation, Step::patch_tail, blocks); // the last block alone might lie misaligned
    } else if (run.first != blocks.first) {
        ++counters_.patched;
        submit_bounced(operation, Step::patch_head, {blocks.first, backing_.blocks.sectors});
    } else if (run.end() != blocks.end() && !mutated(Mutation::skip_tail)) {
        ++counters_.patched;
        submit_bounced(operation, Step::patch_tail,
                       {blocks.end() - backing_.blocks.sectors, backing_.blocks.sectors});
    } else {
        write_patched(operation);
    }
}

/// Moves data between the device and the bounce buffer, which holds run_blocks from its beginning.
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
        while (operation.cursor < entries) { // a long range consists of many entries of 65535 sectors
            const SectorRange following = protocol::dsm_entry(list, operation.cursor);
            if (following.count != 0 && following.first != range.end())
                break;
            range.count += following.count;
            ++operation.cursor;
        }
        // The device can discard only whole blocks. A trim is only advice, so that is allowed.
        const SectorRange blocks = mutated(Mutation::trim_whole_blocks) ? backing_.blocks.around(range)
                                                                        : backing_.blocks.within(range);
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
    } else if (operation.verify_step > backing_.blocks.sectors) {
        // From here it continues block by block, to find the first bad one.
        operation.verify_step = backing_.blocks.sectors;
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

/// The requests that waited for it get their parts. If it failed, each is read alone, in its place in the
/// order, because the fault may lie in sectors that no request asked for.
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

// --- Flushes -------------------------------------------------------------------------------------

void Execution::flush(Operation& operation) {
    if (backing_.geometry.read_only)
        flush_ended(operation, 0); // there is nothing to flush
    else
        submit(operation, Step::flush, Io::Op::flush, {}, 0);
}

void Execution::flush_ended(Operation& operation, int error) {
    if (operation.count == 0)
        flush_sink_.flushed(error);
    else
        counters_.flush_errors += error != 0 ? 1 : 0;
    run_ended(operation, error);
}

// --- Completion ----------------------------------------------------------------------------------

void Execution::completed(Operation& operation, int error) {
    resources_.holdings.operation_ended(admission_.account());
    if (has_more_steps(operation.step) && is_given_up(operation)) {
        run_ended(operation, ETIMEDOUT);
        return;
    }
    switch (operation.step) {
    case Step::flush:
        flush_ended(operation, error);
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
                 operation.run_blocks.count > backing_.blocks.sectors)
            submit_bounced(operation, Step::patch_tail,
                           {operation.run_blocks.end() - backing_.blocks.sectors, backing_.blocks.sectors});
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

/// Ends a part of the operation. If several requests failed together, each is done again alone, so that each
/// gets its own answer.
void Execution::run_ended(Operation& operation, int error, std::uint64_t bad_sector) {
    const bool reads_or_writes = operation.action == AtaAction::read || operation.action == AtaAction::write;
    if (error != 0 && reads_or_writes && operation.run_count > 1) {
        next_run(operation);
        return;
    }
    std::size_t ended = reads_or_writes ? operation.run_count : operation.count;
    while (ended-- > 0)
        end_first(operation, error, bad_sector);
    next_run(operation);
}

void Execution::end_first(Operation& operation, int error, std::uint64_t bad_sector) {
    Request* request = operation.first;
    operation.first = request->next;
    operation.given_up -= request->given_up ? 1 : 0;
    admission_.finish(request, error, bad_sector);
}

/// Continues with the first request that is left, alone. Requests that were given up end here instead.
void Execution::next_run(Operation& operation) {
    while (operation.first != nullptr && operation.first->given_up)
        end_first(operation, ETIMEDOUT);
    if (operation.first != nullptr) {
        start_run(operation, operation.first, 1);
        return;
    }
    const Bytes bounce = std::exchange(operation.bounce, {});
    order_.retire(operation); // first: an operation that resumes may end at once, and looks at the others
    if (bounce.empty())
        return;
    if (Operation* waiter = resources_.bounce.give_back(bounce, admission_.account()))
        waiter->scheduler->resume(*waiter);
}

void Execution::resume(Operation& operation) {
    if (is_given_up(operation)) {
        operation.bounce =
            resources_.bounce.take(admission_.account()); // for the next request, or the next waiter
        run_ended(operation, ETIMEDOUT);
        return;
    }
    if (operation.action == AtaAction::verify)
        next_verify(operation);
    else
        start_bounced(operation);
}

} // namespace aoetarget::core
