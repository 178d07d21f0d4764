// Changes for a WriteHistory, and the results that it must give.
#pragma once

#include "core/write_history.hpp"
#include "fake_link.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <deque>
#include <vector>

namespace aoetest {

using Change = aoetarget::core::Request;

inline const aoetarget::core::ContentHash content_hash(1);

/// Where two data differ.
enum class Difference {
    seen,   ///< Where they are looked at to tell contents apart.
    middle, ///< Only elsewhere.
};

inline Bytes data_of(std::size_t sectors, unsigned version, Difference difference) {
    Bytes data(sectors * sector_bytes);
    for (std::size_t sector = 0; sector < sectors; ++sector)
        std::memcpy(&data[sector * sector_bytes + (difference == Difference::middle ? 100 : 0)], &version,
                    sizeof version);
    return data;
}

/// Requests as the core makes them of frames.
class Frames {
  public:
    Change change(const Mac& source, std::uint32_t tag, std::uint64_t first, const Bytes& data) {
        Change change;
        change.slot = *link_.receive(write_request(first, data).tagged(tag).from(source).encode());
        change.registers = *aoetarget::protocol::AtaRegisters::parse(change.slot.frame());
        change.source = to_mac(source);
        change.range = {first, data.size() / sector_bytes};
        change.content = content_hash.content_of(change);
        return change;
    }

  private:
    FakeLink link_{"eth0",      numbered_mac(9), 9000, 4096, [](FakeLink&, aoetarget::ConstBytes) {},
                   sector_bytes};
};

/// What a history with these bounds must decide: its rule in the plainest form, and what it is for.
class HistoryModel {
  public:
    explicit HistoryModel(const aoetarget::core::WriteHistory::Bounds& bounds)
        : capacity_(bounds.least_entries), max_entries_(bounds.max_entries) {}

    struct Entry {
        const Change* change;
        unsigned version;                ///< Of its data.
        std::uint32_t tag;               ///< The newest of all that were merged.
        std::vector<std::uint32_t> tags; ///< All of them.
        aoetarget::core::Time remembered_from;
        bool under_way = true;
        bool merged = false;
        std::size_t number = 0;
    };

    /// Whether a decision is that of the rule, where contents are compared wholly and tags are not used again
    /// for other data. What the rule wants dropped may be done where the same was written last.
    [[nodiscard]] bool allows(bool is_dropped, const Change& change, unsigned version,
                              aoetarget::core::Time now) const {
        const bool is_replaced = rule_holds(change, version, now);
        return is_dropped ? is_replaced : !is_replaced || is_on_disk(change, version);
    }
    [[nodiscard]] bool rule_holds(const Change& change, unsigned version, aoetarget::core::Time now) const {
        for (std::size_t earlier = 0; earlier < entries_.size(); ++earlier) {
            const Entry& entry = entries_[earlier];
            if (!is_same(entry, change, version) || !is_remembered(entry, now))
                continue;
            const bool is_own = entry.change->source == change.source;
            const bool is_newer = aoetarget::core::is_older_tag(change.tag(), entry.tag);
            if (!is_newer && !(is_own && has_tag_of(entry, change)))
                continue;
            for (std::size_t later = earlier + 1; later < entries_.size(); ++later) {
                const Entry& other = entries_[later];
                const bool is_of_source = other.change->source == change.source;
                const bool is_copy =
                    is_of_source && is_same(other, change, version) && other.tag == change.tag();
                if (!other.merged && other.change->range.overlaps(change.range) &&
                    (is_own ? !is_copy : aoetarget::core::is_older_tag(change.tag(), other.tag)))
                    return true;
            }
        }
        return false;
    }
    /// Whether it is a late copy, or an earlier transmission, of what was done, and would change the disk.
    [[nodiscard]] bool would_undo(const Change& change, unsigned version, aoetarget::core::Time now) const {
        const auto is_late = [&](const Entry& entry) {
            const bool is_older = aoetarget::core::is_older_tag(change.tag(), entry.tag);
            return is_same(entry, change, version) && is_remembered(entry, now) &&
                   (entry.change->source == change.source ? is_older || has_tag_of(entry, change)
                                                          : is_older && has_newer_since(entry, change));
        };
        return !is_on_disk(change, version) && std::ranges::any_of(entries_, is_late);
    }
    /// Whether its tag is newer than all others, as those of a host are that sends it now.
    [[nodiscard]] bool is_new(const Change& change) const {
        return std::ranges::all_of(entries_, [&](const Entry& entry) {
            return aoetarget::core::is_older_tag(entry.tag, change.tag());
        });
    }

    /// `merged`: it is a copy of what was written before, and writes nothing.
    void add(const Change& change, unsigned version, aoetarget::core::Time now, bool merged = false) {
        if (entries_.size() == capacity_) {
            if (capacity_ == max_entries_ || !is_remembered(entries_.front(), now))
                entries_.pop_front();
            else
                capacity_ *= 2;
        }
        entries_.push_back({&change, version, change.tag(), {change.tag()}, now, true, merged, count_++});
        for (std::uint64_t sector = change.range.first; sector < change.range.end(); ++sector)
            disk_.at(sector) = version;
    }
    Entry* find(const Change& change) {
        const auto found = std::find_if(entries_.rbegin(), entries_.rend(),
                                        [&](const Entry& entry) { return entry.change == &change; });
        return found != entries_.rend() ? &*found : nullptr;
    }
    void merged(const Change& original, const Change& copy, aoetarget::core::Time now) {
        Entry* entry = find(original);
        if (entry == nullptr)
            return;
        entry->remembered_from = now;
        entry->tags.push_back(copy.tag());
        if (!aoetarget::core::is_older_tag(copy.tag(), entry->tag))
            entry->tag = copy.tag();
    }
    void ended(const Change& change, aoetarget::core::Time now) {
        if (Entry* entry = find(change)) {
            entry->remembered_from = now;
            entry->under_way = false;
        }
    }

  private:
    [[nodiscard]] bool is_on_disk(const Change& change, unsigned version) const {
        return std::all_of(disk_.begin() + static_cast<std::ptrdiff_t>(change.range.first),
                           disk_.begin() + static_cast<std::ptrdiff_t>(change.range.end()),
                           [&](unsigned other) { return other == version; });
    }
    static bool is_same(const Entry& entry, const Change& change, unsigned version) {
        return entry.version == version && entry.change->range == change.range;
    }
    static bool has_tag_of(const Entry& entry, const Change& change) {
        return std::ranges::find(entry.tags, change.tag()) != entry.tags.end();
    }
    /// Whether something was written over the entry with a newer tag than that of the change: then both are
    /// of one host.
    [[nodiscard]] bool has_newer_since(const Entry& since, const Change& change) const {
        return std::ranges::any_of(entries_, [&](const Entry& entry) {
            return entry.number > since.number && !entry.merged &&
                   entry.change->range.overlaps(change.range) &&
                   aoetarget::core::is_older_tag(change.tag(), entry.tag);
        });
    }
    static bool is_remembered(const Entry& entry, aoetarget::core::Time now) {
        return entry.under_way || now - entry.remembered_from <= aoetarget::core::WriteHistory::memory;
    }

    std::size_t capacity_;
    std::size_t max_entries_;
    std::size_t count_ = 0;
    std::deque<Entry> entries_;
    std::array<unsigned, 64> disk_{};
};

} // namespace aoetest
