// The possible contents of a disk's sectors, as far as requests and answers tell. A change arrives at a
// moment. It has certainly taken effect once it was answered with success, and certainly not once it was
// refused. This is an initiator's view: it leaves open what an answer leaves open.
#pragma once

#include "support/wire.hpp"

#include <algorithm>
#include <limits>
#include <map>
#include <string_view>
#include <vector>

namespace aoetest {

/// Of one sector's content.
using Digest = std::size_t;

inline Digest digest_of(const Bytes& bytes, std::size_t sector) {
    const auto* const text = reinterpret_cast<const char*>(bytes.data());
    return std::hash<std::string_view>()({text + sector * sector_bytes, sector_bytes});
}

class SectorModel {
  public:
    /// Counts the requests of a run.
    using Moment = std::uint64_t;
    static constexpr Moment in_the_end = std::numeric_limits<Moment>::max();

    explicit SectorModel(Bytes contents) : contents_(std::move(contents)) {}

    /// A change that arrives at `arrival` would make this of the sector.
    void may_change(std::uint64_t sector, Moment arrival, Digest digest) {
        changes_of(sector).push_back({.arrival = arrival, .digest = digest});
    }
    /// What arrived then was answered at `now` with success.
    void has_changed(std::uint64_t sector, Moment arrival, Moment now, bool durable) {
        for (Change& change : changes_of(sector)) {
            if (change.arrival != arrival)
                continue;
            change.answered = now;
            change.stable = durable;
        }
    }
    /// What arrived then was refused.
    void has_not_changed(std::uint64_t sector, Moment arrival) {
        std::erase_if(changes_of(sector), [&](const Change& change) { return change.arrival == arrival; });
    }
    /// A flush that arrived then was answered with success: every change that was answered before is stable.
    void is_flushed(Moment arrival) {
        for (auto& [sector, changes] : named_) {
            for (Change& change : changes)
                change.stable = change.stable || change.answered < arrival;
        }
    }

    /// Whether a read may find this. It takes effect not before `first` and not after `last`.
    [[nodiscard]] bool may_hold(std::uint64_t sector, Digest digest, Moment first, Moment last) {
        Moment certain = 0;
        for (const Change& change : changes_of(sector)) {
            if (change.arrival < first && change.answered != never)
                certain = std::max(certain, change.arrival);
        }
        return std::ranges::any_of(changes_of(sector), [&](const Change& change) {
            return change.digest == digest && certain <= change.arrival && change.arrival < last;
        });
    }
    /// The first sector of which `data` says what it cannot hold in the end, or `stable` what a power cut
    /// cannot leave; -1 where there is none. Only sectors that a request has named may have changed.
    [[nodiscard]] std::int64_t first_wrong(const Bytes& data, const Bytes& stable) {
        for (std::uint64_t sector = 0; sector < contents_.size() / sector_bytes; ++sector) {
            const bool named = named_.contains(sector);
            if (named ? !may_hold(sector, digest_of(data, sector), in_the_end, in_the_end) ||
                            !may_be_left(sector, digest_of(stable, sector))
                      : !is_unchanged(sector, data) || !is_unchanged(sector, stable))
                return static_cast<std::int64_t>(sector);
        }
        return -1;
    }

  private:
    static constexpr Moment never = in_the_end;

    struct Change {
        Moment arrival;
        Digest digest;
        Moment answered = never;
        bool stable = false;
    };

    std::vector<Change>& changes_of(std::uint64_t sector) {
        auto& changes = named_[sector];
        if (changes.empty()) // what it has held from the beginning
            changes.push_back(
                {.arrival = 0, .digest = digest_of(contents_, sector), .answered = 0, .stable = true});
        return changes;
    }
    bool may_be_left(std::uint64_t sector, Digest digest) {
        Moment certain = 0;
        for (const Change& change : changes_of(sector)) {
            if (change.stable)
                certain = std::max(certain, change.arrival);
        }
        return std::ranges::any_of(changes_of(sector), [&](const Change& change) {
            return change.digest == digest && certain <= change.arrival;
        });
    }
    [[nodiscard]] bool is_unchanged(std::uint64_t sector, const Bytes& data) const {
        const auto first = static_cast<std::ptrdiff_t>(sector * sector_bytes);
        return std::equal(data.begin() + first, data.begin() + first + sector_bytes,
                          contents_.begin() + first);
    }

    Bytes contents_;
    std::map<std::uint64_t, std::vector<Change>> named_;
};

} // namespace aoetest
