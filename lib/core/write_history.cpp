#include "core/write_history.hpp"

#include "core/mutation.hpp"

#include <algorithm>

namespace aoetarget::core {
namespace {

/// Stands for what a change does, where to, and by which command. A part of the data is enough: whoever takes
/// two for the same only ever drops a frame for it.
std::uint64_t content_of(const Request& change) {
    constexpr std::uint64_t factor = 0x9E3779B97F4A7C15ULL;
    std::uint64_t sum =
        change.range.first << 16 ^ change.range.count << 8 ^ change.registers.command_or_status;
    std::uint64_t multiplier = factor; // another for each word, and no multiplication waits for the last
    const Bytes payload = change.payload();
    for (std::size_t sector = 0; sector < payload.size(); sector += sector_bytes, multiplier += 2 * factor) {
        std::uint64_t first = 0;
        std::uint64_t last = 0;
        std::memcpy(&first, &payload[sector], sizeof first);
        std::memcpy(&last, &payload[sector + sector_bytes - sizeof last], sizeof last);
        sum += first * multiplier + last * (multiplier ^ 0xFFFF0000);
    }
    sum *= factor;
    return sum ^ sum >> 32;
}

/// Linux counts its transmissions in bits 30 to 16 of the tag; below is the time, in units of 1 to 10 ms,
/// since the counter may have come half round in a third of a second. Of others nothing is known, so this
/// proves something only together with other signs.
bool is_older_tag(std::uint32_t tag, std::uint32_t than) {
    constexpr std::uint32_t counters = 0x8000;
    if (((tag | than) >> 31) != 0)
        return false;
    if (static_cast<std::int16_t>(tag - than) > 0)
        return false;
    return ((tag >> 16) - (than >> 16)) % counters >= counters / 2;
}

} // namespace

WriteHistory::WriteHistory()
    : entries_(std::make_unique_for_overwrite<Entry[]>(max_entries)),
      buckets_(std::make_unique<Position[]>(max_entries)) {}

bool WriteHistory::has_overtaken(const Request& change) const {
    const Time arrival = change.slot.arrival();
    if (mutated(Mutation::forget_arrivals))
        return false;
    if (arrival >= newest_arrival_)
        return false;
    if (arrival < forgotten_arrival_)
        return true;
    for (Position back = 1; back <= size_; ++back) {
        const Entry& entry = at(end_ - back);
        if (entry.newest_arrival <= arrival)
            return false; // this and all before it arrived earlier
        if (entry.arrival > arrival && entry.range.overlaps(change.range))
            return true;
    }
    return false;
}

bool WriteHistory::has_replaced(Request& change) const {
    const std::uint64_t content = change.content = content_of(change);
    Position position = bucket_of(content);
    for (unsigned looked_at = 0; looked_at < max_alike && age_of(position) < size_; ++looked_at) {
        const Entry& entry = at(position);
        const bool is_remembered = change.slot.arrival() - entry.remembered_from <= memory;
        if (is_remembered && entry.content == content && entry.range == change.range) {
            const bool copied = is_copy(entry, change);
            if (copied && is_overwritten(position, change) && !mutated(Mutation::forget_copies))
                return true;
            if (!copied && is_older_tag(change.tag(), entry.tag) && is_superseded(position, change) &&
                !mutated(Mutation::ignore_tag_order))
                return true; // its host, if it still waits for it, sends it again with a newer tag
        }
        position = entry.previous_alike;
    }
    return false;
}

bool WriteHistory::is_copy(const Entry& entry, const Request& change) {
    return entry.content == change.content && entry.range == change.range && entry.tag == change.tag() &&
           entry.source == change.source;
}

/// Whether something else was written to the sectors after the entry at `position`. A copy of the change that
/// was done again is nothing else.
bool WriteHistory::is_overwritten(Position position, const Request& change) const {
    for (Position later = position + 1; later != end_; ++later) {
        const Entry& entry = at(later);
        if (entry.range.overlaps(change.range) && !is_copy(entry, change))
            return true;
    }
    return false;
}

/// Whether something else was written to the sectors after the entry at `position`, which was sent later than
/// this with the same data. Where that came from another source it may have been another host's; then this
/// one's must have written something that was sent later. Frames overtake each other: whether the entry or
/// what replaced it was sent first tells nothing.
bool WriteHistory::is_superseded(Position position, const Request& change) const {
    if (at(position).source == change.source)
        return is_overwritten(position, change);
    for (Position later = position + 1; later != end_; ++later) {
        const Entry& entry = at(later);
        if (entry.range.overlaps(change.range) && entry.source == change.source &&
            is_older_tag(change.tag(), entry.tag))
            return true;
    }
    return false;
}

void WriteHistory::add(Request& change) {
    if (size_ == max_entries)
        forgotten_arrival_ = std::max(forgotten_arrival_, at(end_).arrival);
    else
        ++size_;
    newest_arrival_ = std::max(newest_arrival_, change.slot.arrival());
    Position& newest_alike = bucket_of(change.content);
    at(end_) = {.range = change.range,
                .arrival = change.slot.arrival(),
                .newest_arrival = newest_arrival_,
                .remembered_from = change.slot.arrival(),
                .content = change.content,
                .previous_alike = newest_alike,
                .tag = change.tag(),
                .source = change.source};
    change.position = newest_alike = end_++;
}

void WriteHistory::merged(const Request& original, const Request& copy) {
    if (age_of(original.position) >= size_)
        return;
    Entry& entry = at(original.position);
    entry.tag = copy.tag();
    entry.remembered_from = copy.slot.arrival();
}

void WriteHistory::ended(const Request& change, Time now) {
    if (age_of(change.position) >= size_)
        return;
    Entry& entry = at(change.position);
    entry.remembered_from = std::max(entry.remembered_from, now);
}

} // namespace aoetarget::core
