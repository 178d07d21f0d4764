// Applies the rules R1 and R3 of lib/core/ordering.md, and keeps the entries and tables that they need.
#include "core/write_history.hpp"

#include "core/mutation.hpp"

#include <algorithm>
#include <bit>
#include <utility>

namespace aoetarget::core {

WriteHistory::WriteHistory(const ContentHash& hash, HistoryBudget& budget, const Bounds& bounds)
    : hash_(hash), budget_(budget), bounds_(bounds), entries_(bounds.max_entries),
      buckets_(bounds.max_entries), newest_(places(bounds.max_entries)) {}

WriteHistory::~WriteHistory() {
    if (capacity_ > bounds_.least_entries)
        budget_.give_back(*this, capacity_ - bounds_.least_entries, true);
}

bool WriteHistory::has_overtaken(const Request& change) {
    const Time arrival = change.slot.arrival();
    if (mutated(Mutation::forget_arrivals))
        return false;
    if (arrival >= newest_arrival_)
        return false;
    if (arrival < forgotten_arrival_)
        return true;
    const Position later = count_later(arrival);
    if (!can_afford(later, newest_arrival_))
        return true;
    for (Position position = end_ - later; position != end_; ++position) {
        const Entry& entry = at(position);
        if (entry.arrival > arrival && !entry.refused && entry.range().overlaps(change.range))
            return true;
    }
    return false;
}

/// Returns the number of entries from the first one on that arrived after this time.
WriteHistory::Position WriteHistory::count_later(Time arrival) const {
    Position earlier = 0; // the entries before that one
    for (Position rest = size_; rest > 0;) {
        const Position half = rest / 2;
        if (at(end_ - size_ + earlier + half).newest_arrival <= arrival) {
            earlier += half + 1;
            rest -= half + 1;
        } else {
            rest = half;
        }
    }
    return size_ - earlier;
}

bool WriteHistory::has_replaced(Request& change) {
    change.digest = 0;
    if (size_ == 0)
        return false;
    if ((bucket_of(change.content).kinds & kind_of(change.content)) == 0)
        return false; // without reading entries, which are in no cache
    const Alike alike = alike_of(change);
    if (alike.count > 0 || alike.is_repeated)
        change.digest = hash_.digest_of(change);
    if (alike.count == 0)
        return false;
    const Verdict verdict = judge_by_sectors(alike, change);
    if (verdict != Verdict::unknown)
        return verdict == Verdict::replaced;
    return !can_afford(alike.count, change.slot.arrival()) || is_replaced(end_ - alike.count, change);
}

bool WriteHistory::can_afford(Position entries, Time now) {
    constexpr Position few = 2048; // they cost a few microseconds, which an early repetition may take
    if (entries <= few)
        return true;
    constexpr Time step = std::chrono::milliseconds(1);
    if (entries_from_ == Time::min())
        entries_from_ = now;
    const auto steps = static_cast<std::uint64_t>(std::max(now - entries_from_, Time::zero()) / step);
    entries_left_ = std::min(entries_left_ + std::min(steps, most_entries) * entries_each_ms, most_entries);
    entries_from_ += static_cast<Time::rep>(steps) * step;
    if (entries > entries_left_)
        return false;
    entries_left_ -= entries;
    return true;
}

WriteHistory::Kin WriteHistory::Entry::kin_of(const Request& change) const {
    const bool is_of_source = source == change.source;
    if (is_of_source && tags.newest() == change.tag() && !mutated(Mutation::forget_copies))
        return Kin::own;
    // If its host still waits for it, it sends it again with a newer tag.
    if (!is_older_tag(change.tag(), tags.newest()) || mutated(Mutation::ignore_tag_order))
        return Kin::none;
    return is_of_source ? Kin::own : Kin::foreign;
}

WriteHistory::Alike WriteHistory::alike_of(const Request& change) const {
    Alike alike;
    Position position = bucket_of(change.content).newest;
    for (unsigned looked_at = 0; is_there(position); ++looked_at) {
        if (looked_at == bounds_.max_alike) {
            if (!mutated(Mutation::look_at_sixteen))
                alike.count = size_;
            break;
        }
        const Entry& entry = at(position);
        const Position age = age_of(position);
        position -= entry.previous_alike;
        if (!entry.has_content_of(change) || !entry.is_remembered(change.slot.arrival()))
            continue;
        const Kin kin = entry.kin_of(change);
        if (kin == Kin::own)
            alike.own = std::min(alike.own, age);
        if (kin == Kin::foreign)
            alike.foreign = std::min(alike.foreign, age);
        const bool is_copy = entry.is_copy(change);
        if (is_copy && !entry.refused && !entry.merged && !mutated(Mutation::forget_copies)) {
            alike.count = age + 1; // the rule did not hold for that entry, and earlier ones do not matter now
            break;
        }
        alike.is_repeated = alike.is_repeated || entry.tags.are_long_before(change.tag());
        if (is_copy || entry.tags.may_hold_newer(change.tag()))
            alike.count = std::max(alike.count, std::min<Position>(age + 1 + entry.reach, size_));
    }
    return alike;
}

/// Applies R3 as far as the newest change of each sector tells.
WriteHistory::Verdict WriteHistory::judge_by_sectors(const Alike& alike, const Request& change) const {
    if (change.range.count > most_noted || (is_there(newest_wide_) && age_of(newest_wide_) < alike.count))
        return Verdict::unknown;
    Verdict verdict = Verdict::done;
    for (std::uint64_t sector = change.range.first; sector < change.range.end(); ++sector) {
        const Verdict of_sector = judge_by_newest(alike, change, sector);
        if (of_sector == Verdict::replaced)
            return of_sector;
        if (of_sector == Verdict::unknown)
            verdict = of_sector;
    }
    return verdict;
}

WriteHistory::Verdict WriteHistory::judge_by_newest(const Alike& alike, const Request& change,
                                                    std::uint64_t sector) const {
    const Position position = newest_of(sector);
    const Position age = age_of(position);
    if (age >= alike.count)
        return Verdict::done; // no later change wrote there
    const Entry& newest = at(position);
    if (!newest.range().contains({sector, 1}))
        return Verdict::unknown; // another sector shares its place
    if (newest.has_data_of(change))
        return Verdict::done;
    if (newest.is_copy(change) && newest.digest == 0)
        return Verdict::done;
    if (newest.is_copy(change)) // with other data
        return age == alike.own ? Verdict::replaced : Verdict::unknown;
    const bool replaces_own = alike.own != Alike::none && age < alike.own;
    const bool replaces_foreign = alike.foreign != Alike::none && age < alike.foreign &&
                                  is_older_tag(change.tag(), newest.tags.newest());
    if (replaces_own || replaces_foreign)
        return Verdict::replaced;
    return age + 1 == alike.count ? Verdict::done : Verdict::unknown;
}

/// Applies R3 to all entries from this one on.
bool WriteHistory::is_replaced(Position first, const Request& change) const {
    bool has_own = false, has_foreign = false;
    for (Position position = first; position != end_; ++position) {
        const Entry& entry = at(position);
        if (!entry.range().overlaps(change.range))
            continue;
        const bool is_copy = entry.is_copy(change);
        const bool is_newer = is_older_tag(change.tag(), entry.tags.newest());
        if (!entry.refused && !entry.merged && ((has_own && !is_copy) || (has_foreign && is_newer)))
            return true;
        if (!entry.has_content_of(change) || !entry.is_remembered(change.slot.arrival()))
            continue;
        const Kin kin = entry.kin_of(change);
        has_own = has_own || kin == Kin::own;
        has_foreign = has_foreign || kin == Kin::foreign;
        if (is_copy && kin == Kin::own && entry.digest != 0 && entry.digest != change.digest)
            return true;
    }
    return false;
}

/// Makes empty tables.
void WriteHistory::start() {
    std::fill_n(buckets_.get(), capacity_, Bucket{.newest = nowhere(), .kinds = 0});
    std::fill_n(newest_.get(), places(capacity_), nowhere());
    newest_wide_ = nowhere();
}

/// Returns whether one more entry can be there without the oldest, if that must still be remembered. The
/// history grows for that, if it may.
bool WriteHistory::has_room(Time now) {
    if (capacity_ == 0) {
        capacity_ = bounds_.least_entries;
        start();
    }
    if (size_ < capacity_)
        return true;
    if (!at(end_ - size_).is_remembered(now)) {
        forget_oldest();
        return true;
    }
    if (capacity_ == bounds_.max_entries || !budget_.take(*this, capacity_, now))
        return false;
    grow();
    return true;
}

void WriteHistory::forget_oldest() {
    forgotten_arrival_ = std::max(forgotten_arrival_, at(end_ - size_).arrival);
    --size_;
}

/// One more bit of its position decides whether an entry stays in its place or goes into the new half. The
/// two buckets, or places of the table, that replace one both lead to its entries.
void WriteHistory::grow() {
    for (Position position = end_ - size_; position != end_; ++position) {
        if ((position & capacity_) != 0)
            entry(position & (2 * capacity_ - 1)) = at(position);
    }
    std::copy_n(buckets_.get(), capacity_, buckets_.get() + capacity_);
    const Position few = places(capacity_);
    capacity_ *= 2;
    if (places(capacity_) > few)
        std::copy_n(newest_.get(), few, newest_.get() + few);
}

/// No two entries that are left have the same place in a ring that holds them all, so each can move to its
/// new place at once.
void WriteHistory::shrink(Time now) {
    while (size_ > 0 && !at(end_ - size_).is_remembered(now))
        forget_oldest();
    const Position fitting = std::bit_ceil(std::max(size_, bounds_.least_entries));
    if (fitting >= capacity_)
        return;
    for (Position position = end_ - size_; position != end_; ++position)
        entry(position & (fitting - 1)) = at(position);
    budget_.give_back(*this, capacity_ - fitting, fitting == bounds_.least_entries);
    capacity_ = fitting;
    rebuild_tables();
    entries_.forget_from(capacity_);
    buckets_.forget_from(capacity_);
    newest_.forget_from(places(capacity_));
}

/// Entries for which others stand come back to the chains, where they do no harm.
void WriteHistory::rebuild_tables() {
    const Position wide = newest_wide_;
    start();
    if (is_there(wide))
        newest_wide_ = wide;
    for (Position position = end_ - size_; position != end_; ++position) {
        Entry& entry = at(position);
        Bucket& bucket = bucket_of(entry.content);
        entry.previous_alike = distance(position - bucket.newest);
        bucket.newest = position;
        bucket.kinds |= kind_of(entry.content);
        if (!entry.refused && !entry.merged && entry.count <= most_noted)
            note_newest(entry.range(), position);
    }
}

WriteHistory::Position& WriteHistory::newest_of(std::uint64_t sector) const {
    constexpr std::uint64_t golden = 0x9E3779B97F4A7C15;
    const std::uint64_t run = (sector / run_sectors * golden >> 32) * run_sectors;
    return newest_[(run + sector % run_sectors) & (places(capacity_) - 1)];
}

void WriteHistory::note_newest(const SectorRange& range, Position position) {
    if (range.count > most_noted) {
        newest_wide_ = position;
        return;
    }
    for (std::uint64_t sector = range.first; sector < range.end();) {
        const std::uint64_t count = std::min(run_sectors - sector % run_sectors, range.end() - sector);
        std::fill_n(&newest_of(sector), count, position);
        sector += count;
    }
}

void WriteHistory::add(Request& change) {
    enter(change);
    note_newest(change.range, change.position);
}

WriteHistory::Entry& WriteHistory::enter(Request& change) {
    if (!has_room(change.slot.arrival()))
        forget_oldest();
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
    return entry;
}

void WriteHistory::add_refused(Request& change) {
    if (!has_room(change.slot.arrival()))
        return;
    Entry& entry = enter(change);
    entry.under_way = false;
    entry.refused = true;
}

/// Takes the entries for which the new one can stand out of the chain. Those under way stay, because their
/// tags may change.
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
        if (older.is_remembered(newest.arrival)) { // else nothing needs it any more
            newest.reach = std::max(distance(newest.reach), distance(end_ - older_position + older.reach));
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
        return true; // the history has forgotten it with all its tags
    if (!can_share_entry(original, copy)) {
        copy.content = original.content;
        copy.digest = hash_.digest_of(copy); // its tag may have belonged to other data before
        Entry& own = enter(copy);
        own.merged = true;
        own.remembered_after =
            std::exchange(original.has_merged, true) ? copy.position - original.newest_merged : 0;
        original.newest_merged = copy.position;
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
    const auto end = [&](Entry& entry) {
        entry.remember_from(now);
        entry.under_way = false;
    };
    if (is_there(change.position))
        end(at(change.position));
    Position position = change.newest_merged;
    for (bool is_left = change.has_merged; is_left && is_there(position);) {
        Entry& entry = at(position);
        const Position back = std::exchange(entry.remembered_after, 0);
        end(entry);
        is_left = back != 0;
        position -= back;
    }
}

/// Sets the time, rounded up, unless a later one is set already.
void WriteHistory::Entry::remember_from(Time time) {
    if (time <= remembered_from())
        return;
    constexpr Time::rep most = std::numeric_limits<std::uint32_t>::max(); // 52 days
    remembered_after = static_cast<std::uint32_t>(std::min((time - arrival + unit - Time{1}) / unit, most));
}

} // namespace aoetarget::core
