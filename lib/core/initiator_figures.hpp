// Counts the requests of each initiator to each export.
#pragma once

#include "core/mac_key.hpp"
#include "core/time.hpp"

#include <aoetarget/stats.hpp>

#include <algorithm>
#include <array>
#include <cstdint>
#include <vector>

namespace aoetarget::core {

/// Has room for 1,024 pairs of an initiator and an export. They lie in sets, as in a processor's cache, so
/// that counting takes no longer however many there are. In a full set the pair that was silent for the
/// longest time gives way.
class InitiatorFigures {
  public:
    static constexpr std::size_t sets = 64, ways = 16;
    static constexpr Time hurry = std::chrono::milliseconds(2);

    /// Returns how many requests of the pair have come just before, each within `hurry` of the next.
    std::uint32_t count(const MacAddress& initiator, const Address& exported, RequestKind kind, Time now) {
        const std::uint64_t key = key_of(initiator, exported);
        Set& set = set_of(key, exported);
        std::size_t way = set.newest;
        if (!holds(set, way, key, exported)) {
            way = find(set, key, exported);
            if (way == ways)
                way = replace_oldest(set, key, exported);
            set.newest = static_cast<std::uint8_t>(way);
        }
        Figures& figures = set.figures[way];
        ++figures.requests[static_cast<std::size_t>(kind)];
        figures.crowd = now - figures.last_seen < hurry ? figures.crowd + 1 : 0;
        figures.last_seen = now;
        return figures.crowd;
    }
    /// Counts a copy of a request that is under way. The copy was counted as a request before.
    void count_repeat(const MacAddress& initiator, const Address& exported) {
        const std::uint64_t key = key_of(initiator, exported);
        Set& set = set_of(key, exported);
        if (const std::size_t way = find(set, key, exported); way < ways)
            ++set.figures[way].repeats;
    }
    /// Forgets the initiators of an export that is gone.
    void forget(const Address& exported) {
        for (Set& set : sets_) {
            for (std::size_t way = 0; way < ways; ++way) {
                if (set.keys[way] != 0 && address_of(set, way) == exported) {
                    set.keys[way] = 0;
                    set.figures[way] = {};
                }
            }
        }
    }
    [[nodiscard]] std::vector<InitiatorStats> stats(Time now) const {
        std::vector<InitiatorStats> all;
        for (const Set& set : sets_) {
            for (std::size_t way = 0; way < ways; ++way) {
                const Figures& figures = set.figures[way];
                if (set.keys[way] != 0)
                    all.push_back({.initiator = mac_of(set, way),
                                   .exported = address_of(set, way),
                                   .requests = figures.requests,
                                   .repeats = figures.repeats,
                                   .last_seen = std::max(now - figures.last_seen, Time{})});
            }
        }
        std::ranges::sort(all, [](const InitiatorStats& a, const InitiatorStats& b) {
            return a.exported != b.exported ? a.exported < b.exported : a.initiator.bytes < b.initiator.bytes;
        });
        return all;
    }

  private:
    struct Figures {
        std::array<std::uint64_t, request_kinds> requests{};
        std::uint64_t repeats = 0;
        std::uint32_t crowd = 0; ///< What count() returned last.
        Time last_seen{};
    };
    struct Set {
        std::array<std::uint64_t, ways> keys{}; ///< Of the initiator and the export's slot; 0 if it is free.
        std::array<std::uint16_t, ways> shelves{}; ///< The rest of the export's address.
        std::array<Figures, ways> figures{};
        std::uint8_t newest = 0; ///< The place of the pair that was counted last.
    };

    static std::uint64_t key_of(const MacAddress& initiator, const Address& exported) {
        return mac_key(initiator) << 8 | exported.slot;
    }
    static MacAddress mac_of(const Set& set, std::size_t way) {
        MacAddress mac;
        for (std::size_t i = 0; i < mac.bytes.size(); ++i)
            mac.bytes[i] = static_cast<std::uint8_t>(set.keys[way] >> (8 * (mac.bytes.size() - i)));
        return mac;
    }
    static Address address_of(const Set& set, std::size_t way) {
        return {set.shelves[way], static_cast<std::uint8_t>(set.keys[way])};
    }
    static bool holds(const Set& set, std::size_t way, std::uint64_t key, const Address& exported) {
        return set.keys[way] == key && set.shelves[way] == exported.shelf;
    }
    Set& set_of(std::uint64_t key, const Address& exported) {
        static_assert(sets == 1 << (64 - 58));
        return sets_[(key ^ std::uint64_t{exported.shelf} << 32) * key_spread >> 58];
    }
    static std::size_t find(const Set& set, std::uint64_t key, const Address& exported) {
        std::size_t way = 0;
        while (way < ways && !holds(set, way, key, exported))
            ++way;
        return way;
    }
    /// A free place is one that was never seen.
    static std::size_t replace_oldest(Set& set, std::uint64_t key, const Address& exported) {
        const auto oldest = std::ranges::min_element(set.figures, {}, &Figures::last_seen);
        *oldest = {};
        const auto way = static_cast<std::size_t>(oldest - set.figures.begin());
        set.keys[way] = key;
        set.shelves[way] = exported.shelf;
        return way;
    }

    std::array<Set, sets> sets_{};
};

} // namespace aoetarget::core
