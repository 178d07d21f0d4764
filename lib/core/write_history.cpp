#include "core/write_history.hpp"

#include "core/mutation.hpp"

#include <algorithm>
#include <optional>

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
    : entries_(std::make_unique_for_overwrite<std::byte[]>(max_entries * sizeof(Entry))),
      buckets_(std::make_unique_for_overwrite<Bucket[]>(max_entries)) {}

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
    if (size_ == 0)
        return false;
    const Bucket& bucket = bucket_of(content);
    if ((bucket.kinds & kind_of(content)) == 0)
        return false; // without a look at entries, which are in no cache
    // The oldest of either: what was written since the others was written since these as well. So the
    // history is gone through once or twice (some 25 us each if it is full), and for what is new not at all.
    std::optional<Position> own;
    std::optional<Position> foreign;
    Position position = bucket.newest;
    for (unsigned looked_at = 0; looked_at < max_alike && age_of(position) < size_; ++looked_at) {
        const Entry& entry = at(position);
        const bool is_remembered = change.slot.arrival() - entry.remembered_from <= memory;
        if (is_remembered && entry.content == content && entry.range == change.range) {
            if (is_copy(entry, change)) {
                if (!mutated(Mutation::forget_copies))
                    own = position;
            } else if (is_older_tag(change.tag(), entry.tag) && !mutated(Mutation::ignore_tag_order)) {
                // Its host, if it still waits for it, sends it again with a newer tag.
                (entry.source == change.source ? own : foreign) = position;
            }
        }
        position = entry.previous_alike;
    }
    return (own && is_overwritten(*own, change)) || (foreign && is_superseded(*foreign, change));
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

/// The same where the entry came from another source, which may have been another host's; then this one's
/// must have written something that was sent later. Frames overtake each other: whether the entry or what
/// replaced it was sent first tells nothing.
bool WriteHistory::is_superseded(Position position, const Request& change) const {
    for (Position later = position + 1; later != end_; ++later) {
        const Entry& entry = at(later);
        if (entry.range.overlaps(change.range) && entry.source == change.source &&
            is_older_tag(change.tag(), entry.tag))
            return true;
    }
    return false;
}

/// For one more: the oldest is forgotten, unless its time has not come and there may be more.
void WriteHistory::make_room(Time now) {
    if (capacity_ == 0) {
        capacity_ = least_entries;
        std::fill_n(buckets_.get(), capacity_, Bucket{});
        return;
    }
    if (size_ < capacity_)
        return;
    const Entry& oldest = at(end_ - size_);
    if (capacity_ == max_entries || now - oldest.remembered_from > memory) {
        forgotten_arrival_ = std::max(forgotten_arrival_, oldest.arrival);
        --size_;
        return;
    }
    // Each entry stays where it is or goes into the new half, by one more bit of its position. What was in
    // one bucket is found from both that take its place.
    for (Position position = end_ - size_; position != end_; ++position) {
        if ((position & capacity_) != 0)
            entry(position & (2 * capacity_ - 1)) = at(position);
    }
    std::copy_n(buckets_.get(), capacity_, buckets_.get() + capacity_);
    capacity_ *= 2;
}

void WriteHistory::add(Request& change) {
    make_room(change.slot.arrival());
    ++size_;
    newest_arrival_ = std::max(newest_arrival_, change.slot.arrival());
    Bucket& bucket = bucket_of(change.content);
    if (age_of(bucket.newest) >= size_)
        bucket.kinds = 0;
    bucket.kinds |= kind_of(change.content);
    at(end_) = {.range = change.range,
                .arrival = change.slot.arrival(),
                .newest_arrival = newest_arrival_,
                .remembered_from = change.slot.arrival(),
                .content = change.content,
                .previous_alike = bucket.newest,
                .tag = change.tag(),
                .source = change.source};
    change.position = bucket.newest = end_++;
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
