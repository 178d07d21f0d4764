#include "core/write_history.hpp"

#include "core/mutation.hpp"

#include <algorithm>

namespace aoetarget::core {

WriteHistory::WriteHistory(const ContentHash& hash, const Bounds& bounds)
    : hash_(hash), bounds_(bounds),
      entries_(std::make_unique_for_overwrite<std::byte[]>(bounds.max_entries * sizeof(Entry))),
      buckets_(std::make_unique_for_overwrite<Bucket[]>(bounds.max_entries)) {}

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
        if (entry.arrival > arrival && !entry.refused && entry.range().overlaps(change.range))
            return true;
    }
    return false;
}

bool WriteHistory::has_replaced(Request& change) {
    change.digest = 0;
    if (size_ == 0)
        return false;
    if ((bucket_of(change.content).kinds & kind_of(change.content)) == 0)
        return false; // without a look at entries, which are in no cache
    const Position first = first_that_matters(change);
    return first != end_ && (!can_afford(end_ - first, change.slot.arrival()) || is_replaced(first, change));
}

bool WriteHistory::can_afford(Position entries, Time now) {
    constexpr Position few = 2048; // a few microseconds, which a host that repeats a request soon may have
    if (entries <= few)
        return true;
    constexpr Time step = std::chrono::milliseconds(1);
    if (entries_from_ == Time::min() || now - entries_from_ >= step) {
        const auto steps = entries_from_ == Time::min()
                               ? most_entries
                               : static_cast<std::uint64_t>((now - entries_from_) / step);
        entries_left_ =
            std::min(entries_left_ + std::min(steps, most_entries) * entries_each_ms, most_entries);
        entries_from_ = now;
    }
    if (entries > entries_left_)
        return false;
    entries_left_ -= entries;
    return true;
}

/// The rule of R3 holds for the change if and only if it holds among the entries from this one on; the end:
/// it does not hold.
WriteHistory::Position WriteHistory::first_that_matters(const Request& change) const {
    Position entries = 0; // up to the end
    Position position = bucket_of(change.content).newest;
    for (unsigned looked_at = 0; is_there(position); ++looked_at) {
        if (looked_at == bounds_.max_alike) {
            if (!mutated(Mutation::look_at_sixteen))
                entries = size_;
            break;
        }
        const Entry& entry = at(position);
        const bool may_be_copy = entry.source == change.source && entry.tags.newest() == change.tag();
        if ((may_be_copy || entry.tags.may_hold_newer(change.tag())) && entry.has_content_of(change) &&
            entry.is_remembered(change.slot.arrival()))
            entries = std::max(entries, std::min<Position>(age_of(position) + 1 + entry.reach, size_));
        position -= entry.previous_alike;
    }
    return end_ - entries;
}

/// The rule of R3, applied to all entries from this one on.
bool WriteHistory::is_replaced(Position first, Request& change) const {
    bool is_own = false;     // a copy or a later transmission was done
    bool is_foreign = false; // the same from another source
    for (Position position = first; position != end_; ++position) {
        const Entry& entry = at(position);
        if (!entry.range().overlaps(change.range))
            continue;
        const bool is_copy = entry.is_copy(change);
        const bool is_of_source = entry.source == change.source;
        const bool is_newer = is_older_tag(change.tag(), entry.tags.newest());
        if (!entry.refused && ((is_own && !is_copy) || (is_foreign && is_of_source && is_newer)))
            return true;
        if (!entry.has_content_of(change) || !entry.is_remembered(change.slot.arrival()))
            continue;
        if (is_copy && !mutated(Mutation::forget_copies)) {
            is_own = true;
            if (change.digest == 0)
                change.digest = hash_.digest_of(change);
            if (entry.digest != 0 && entry.digest != change.digest)
                return true;
        } else if (is_newer && !mutated(Mutation::ignore_tag_order)) {
            // Its host, if it still waits for it, sends it again with a newer tag.
            (is_of_source ? is_own : is_foreign) = true;
        }
    }
    if (is_own && change.digest == 0)
        change.digest = hash_.digest_of(change);
    return false;
}

/// For one more: the oldest is forgotten, unless its time has not come and there may be more.
void WriteHistory::make_room(Time now) {
    if (capacity_ == 0) {
        capacity_ = bounds_.least_entries;
        std::fill_n(buckets_.get(), capacity_, Bucket{});
        return;
    }
    if (size_ < capacity_)
        return;
    const Entry& oldest = at(end_ - size_);
    if (capacity_ == bounds_.max_entries || !oldest.is_remembered(now)) {
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
    newest_arrival_ = std::max(newest_arrival_, change.slot.arrival());
    Bucket& bucket = bucket_of(change.content);
    Entry& entry = at(end_);
    entry = {.first = change.range.first & sector_bits,
             .previous_alike = distance(end_ - bucket.newest),
             .count = change.range.count & sector_bits,
             .reach = 0,
             .arrival = change.slot.arrival(),
             .newest_arrival = newest_arrival_,
             .content = change.content,
             .tags = TagSet(change.tag()),
             .digest = mutated(Mutation::hash_a_part) ? 0 : change.digest,
             .remembered_after = 0,
             .source = change.source,
             .under_way = true,
             .refused = false,
             .merged = false};
    if (!is_there(bucket.newest))
        bucket.kinds = 0;
    else if ((bucket.kinds & kind_of(change.content)) != 0)
        stand_for_alike(entry);
    bucket.kinds |= kind_of(change.content);
    change.position = bucket.newest = end_++;
    change.oldest_tag = change.tag();
    ++size_;
}

void WriteHistory::add_refused(Request& change) {
    const bool is_full = size_ == bounds_.max_entries;
    if (is_full && at(end_ - size_).is_remembered(change.slot.arrival()))
        return;
    add(change);
    Entry& entry = at(change.position);
    entry.under_way = false;
    entry.refused = true;
}

/// Takes out of the chain what the new entry can stand for. What is under way stays: its tag may change.
void WriteHistory::stand_for_alike(Entry& newest) {
    if (mutated(Mutation::look_at_sixteen))
        return;
    Entry* newer = &newest;
    Position position = end_;
    for (unsigned looked_at = 0; looked_at < bounds_.max_alike; ++looked_at) {
        const Position older_position = position - newer->previous_alike;
        if (!is_there(older_position))
            return;
        Entry& older = at(older_position);
        if (older.under_way || older.content != newest.content || older.range() != newest.range() ||
            older.source != newest.source || !older.tags.fits_before(newest.tags.newest())) {
            newer = &older;
            position = older_position;
            continue;
        }
        if (older.is_remembered(newest.arrival)) { // else nothing asks for it any more
            // A copy that is done again is done only where nothing else was written since. What would undo a
            // later change was overtaken by one that has come since this copy too, so the first is not looked
            // for: a host that repeats its frames for ever would make each cost a pass of the history.
            if (!older.tags.holds_only(newest.tags.newest()) || older.refused)
                newest.reach =
                    std::max(distance(newest.reach), distance(end_ - older_position + older.reach));
            newest.tags.take_in(older.tags);
            newest.remember_from(older.remembered_from());
        }
        newer->previous_alike = distance(newer->previous_alike + older.previous_alike);
    }
}

bool WriteHistory::can_share_entry(const Request& original, const Request& copy) const {
    const TagSet& tags = at(original.position).tags;
    const std::uint32_t tag = copy.tag();
    if (tag == tags.newest() || is_older_tag(tag, tags.newest()))
        return true;
    return is_older_tag(original.oldest_tag, tag) && tags.fits_before(tag);
}

bool WriteHistory::merged(Request& original, Request& copy) {
    if (!is_there(original.position))
        return true; // it is forgotten with all its tags
    if (!can_share_entry(original, copy)) {
        copy.content = original.content;
        copy.digest = hash_.digest_of(copy); // its tag may have been that of other data before
        add(copy);
        at(copy.position).merged = true;
        original.has_merged = true;
        return false;
    }
    Entry& entry = at(original.position);
    entry.remember_from(copy.slot.arrival());
    TagSet tag(copy.tag());
    if (is_older_tag(copy.tag(), entry.tags.newest())) {
        entry.tags.take_in(tag);
        if (is_older_tag(copy.tag(), original.oldest_tag))
            original.oldest_tag = copy.tag();
        return true;
    }
    tag.take_in(entry.tags);
    entry.tags = tag;
    return true;
}

void WriteHistory::ended(const Request& change, Time now) {
    if (!is_there(change.position))
        return;
    const auto end = [&](Entry& entry) {
        entry.remember_from(now);
        entry.under_way = false;
    };
    end(at(change.position));
    if (!change.has_merged)
        return;
    for (Position position = change.position + 1; position != end_; ++position) {
        Entry& entry = at(position);
        if (entry.merged && entry.has_content_of(change) && entry.source == change.source)
            end(entry);
    }
}

/// Or from later on, if that is known already. Rounded up.
void WriteHistory::Entry::remember_from(Time time) {
    if (time <= remembered_from())
        return;
    constexpr Time::rep most = std::numeric_limits<std::uint32_t>::max(); // 52 days
    remembered_after = static_cast<std::uint32_t>(std::min((time - arrival + unit - Time{1}) / unit, most));
}

} // namespace aoetarget::core
