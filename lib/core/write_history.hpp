// The memory of the changes that an export has admitted, so that an old frame that arrives late never undoes
// a newer change.
//
// A frame can be late because it waited in a receive queue of this machine while other interfaces were
// served: then its time of arrival tells (R1). Or it was late when it arrived (R3): then it is an exact copy
// of a request that was carried out, or an earlier transmission of one, with an older tag. In all of these
// cases the frame is dropped, which is always safe: an initiator that still wants it repeats it.
//
// The rule of R3. A change C is dropped if an earlier change E is remembered that has the same content and
// range, and
// - E has the source of C, and its tag or a newer one (tag_order.hpp), and after E something else was written
//   to a sector of C, or the same under the same tag, but with other data; or
// - E has another source and a newer tag, and after E something was written to a sector of C with a newer tag
//   than that of C. Linux gives the ports of a host one order of tags, and sends again through any of them.
// C is carried out nevertheless if the newest change of each of its sectors wrote the same data: then it
// undoes nothing.
//
// Therefore a late frame never undoes a newer change
// - if it is a copy, tag and all, of a change from the same port that was carried out, or if a Linux host
//   sent it at most 8 s before another transmission of its request that was carried out, through any port;
// - if it is admitted within two seconds (`memory`) after the end of that change; and
// - before 32,768 others (`max_entries`) were admitted. So above 16,384 changes a second the history reaches
//   back less far: at 100,000 a third of a second, at 300,000 a tenth, which is the shortest time after which
//   Linux repeats a request. While other exports have so many changes that all which histories share is taken
//   (history_budget.hpp), fewer do, but at least 512.
//
// Two hosts do not share an order of tags, so one may look like a port of the other. That happens if it
// writes the same data as the other to the same place shortly after it, and its tag looks older than that of
// the other (one case in eight) and than that of a write that came in between. Then its write waits for up to
// two seconds.
//
// If a host uses one tag for several requests, hashes tell a new request from a copy. The first hash sees a
// part of a change; the second sees all of its data, and is computed if the change may be a copy. Two
// different contents look the same with a probability of less than 2^-31, which nobody on the network can
// make greater (content_hash.hpp). A host that writes A, B, and A again with one tag cannot be told from one
// whose first A comes twice: its third write is dropped until the first is forgotten, for up to two seconds.
// The same happens to a write with a tag not of Linux that looks older than the tag of the same data written
// before (tag_order.hpp).
//
// Time: a change that resembles no remembered one costs one look at its bucket. Otherwise the history looks
// at no more than `max_alike` entries of the bucket. If one of them may matter, or there are more of them, a
// table tells the newest change of each sector of C, which nearly always decides. Two sectors may share a
// place in the table, and a chain may be too long: then the rule is applied to each entry in turn, at most
// `max_entries` of them, which takes 39 to 51 us. R1 looks at each change that was admitted while a frame
// waited elsewhere. Up to 2,048 entries take 3 us. More may take a tenth of a processor, and a change that
// would take more than that is dropped.
//
// Memory: the first 512 changes take 44 KiB. An export that is written to more than 256 times a second takes
// up to 2.75 MiB, and all of them together 5.5 MiB.
#pragma once

#include "core/content_hash.hpp"
#include "core/history_budget.hpp"
#include "core/lazy_array.hpp"
#include "core/tag_order.hpp"

#include <algorithm>
#include <limits>

namespace aoetarget::core {

/// The history of one export, bounded in memory. A change that waited so long that the history no longer
/// reaches back to its arrival counts as overtaken. The history does not know copies of changes that it has
/// forgotten: they are carried out.
class WriteHistory {
  public:
    /// The history begins with room for the first number of changes, because there may be many exports with
    /// few writes. It grows, up to the second number, when it would have to forget a change that must still
    /// be remembered.
    static constexpr std::uint32_t least_entries = 512;
    static constexpr std::uint32_t max_entries = 32768;
    /// Copies of a change are recognised for this time after its end. Initiators reuse tags after a restart,
    /// so this must not be much longer than frames survive in a network.
    static constexpr Time memory = std::chrono::seconds(2);
    static constexpr unsigned max_alike = 16;
    /// The rule is applied to the first number of entries in a millisecond on average, which takes less than
    /// a tenth of a processor, and to no more than the second number in a burst.
    static constexpr std::uint64_t entries_each_ms = 65536, most_entries = 16 * entries_each_ms;

    /// Bounds for tests, which are quicker and more thorough with a small history. The numbers of entries
    /// must be powers of two.
    struct Bounds {
        std::uint32_t least_entries = WriteHistory::least_entries;
        std::uint32_t max_entries = WriteHistory::max_entries;
        unsigned max_alike = WriteHistory::max_alike;
    };

    /// Both must outlive the history.
    WriteHistory(const ContentHash& hash, HistoryBudget& budget) : WriteHistory(hash, budget, Bounds{}) {}
    WriteHistory(const ContentHash& hash, HistoryBudget& budget, const Bounds& bounds);
    ~WriteHistory();
    WriteHistory(const WriteHistory&) = delete;
    WriteHistory& operator=(const WriteHistory&) = delete;

    /// Returns whether a change of the same sectors was admitted that arrived later than this one (R1). This
    /// takes one comparison if frames come in the order of their arrival. It also returns true if finding out
    /// would take too much time from others.
    [[nodiscard]] bool has_overtaken(const Request& change);
    /// Returns whether R3 demands that this change is dropped, or finding out would take too much time from
    /// others. Its `content` must be set, by the hash. Sets its `digest`.
    [[nodiscard]] bool has_replaced(Request& change);

    /// Remembers a change at its admission, in the order in which changes take effect. has_replaced() must
    /// have seen it.
    void add(Request& change);
    /// Remembers a change that was refused: its initiator has an answer, so a late copy must not count as a
    /// new change. It does not if the history would have to forget a change that was carried out.
    /// has_replaced() must have seen it.
    void add_refused(Request& change);
    /// Takes note that a copy was merged with a change that is still under way. The entry keeps the newest of
    /// their tags, so all others must surely be older; otherwise the copy gets an entry of its own. Returns
    /// whether the copy shares the entry of the original.
    bool merged(Request& original, Request& copy);
    /// Takes note that a change has ended, successfully or not. Until then its initiator may have sent
    /// copies.
    void ended(const Request& change, Time now);
    /// Forgets what need not be remembered any more, and gives back what that has taken of the budget.
    void shrink(Time now);

  private:
    [[nodiscard]] bool can_share_entry(const Request& original, const Request& copy) const;
    /// Numbers changes in the order of their admission, and wraps.
    using Position = std::uint32_t;
    static constexpr std::uint64_t sector_bits = (1ULL << 48) - 1;

    /// The distance from an entry back to an earlier one. The greatest is beyond all entries.
    using Distance = std::uint16_t;
    static_assert(max_entries <= std::numeric_limits<Distance>::max());
    [[nodiscard]] static Distance distance(std::uint64_t positions) {
        return static_cast<Distance>(
            std::min<std::uint64_t>(positions, std::numeric_limits<Distance>::max()));
    }

    /// The relation of an entry to a change with the same content, by the rule.
    enum class Kin {
        none,
        own,     ///< It has the same source: it is a copy or a later transmission.
        foreign, ///< It has another source, and is newer.
    };

    /// An entry also stands for earlier ones of the same content, range and source, back to the one at
    /// the distance `reach`; the chain of the bucket leaves these out.
    struct Entry {
        std::uint64_t first : 48;          ///< The first sector of the range.
        std::uint64_t previous_alike : 16; ///< The distance of the next in the chain.
        std::uint64_t count : 48;
        std::uint64_t reach : 16;
        Time arrival;
        Time newest_arrival; ///< The newest arrival of this and all earlier entries.
        std::uint64_t content;
        TagSet tags;          ///< Its own tag is the newest of those for which it stands.
        std::uint32_t digest; ///< 0 if it is not known.
        /// The time when the last copy arrived that was merged with it, or when it ended, in units after its
        /// arrival. For an entry that is `merged`, until it ends, this is the distance back to the one that
        /// was merged with the same original before it, or 0 if it is the first.
        std::uint32_t remembered_after;
        MacAddress source;
        bool under_way : 1;
        bool refused : 1; ///< The change was refused, so it has changed nothing.
        bool merged : 1;  ///< The change was merged with an earlier one, with which it ends.

        static constexpr Time unit{1 << 20}; // a millisecond

        [[nodiscard]] SectorRange range() const { return {first, count}; }
        [[nodiscard]] Time remembered_from() const { return arrival + remembered_after * unit; }
        void remember_from(Time time);
        [[nodiscard]] bool is_remembered(Time now) const {
            return under_way || now - remembered_from() <= memory;
        }
        [[nodiscard]] bool has_content_of(const Request& change) const {
            return content == change.content && range() == change.range;
        }
        [[nodiscard]] bool is_copy(const Request& change) const {
            return has_content_of(change) && tags.newest() == change.tag() && source == change.source;
        }
        /// Returns false if the rest of their data, which the content does not show, may differ.
        [[nodiscard]] bool has_data_of(const Request& change) const {
            return has_content_of(change) && digest != 0 && digest == change.digest;
        }
        [[nodiscard]] Kin kin_of(const Request& change) const;
    };
    static_assert(sizeof(Entry) <= 64);

    /// Entries whose contents have the same lower bits, linked from the newest on.
    struct Bucket {
        Position newest;
        /// The kinds of content among them. Kinds of forgotten entries stay as long as any entry is
        /// remembered, which only costs a look at the entries.
        std::uint32_t kinds;
    };
    /// Returns one bit, chosen by the uppermost bits of the content, which do not decide about the bucket.
    [[nodiscard]] static std::uint32_t kind_of(std::uint64_t content) {
        constexpr unsigned chosen_by = 5;
        static_assert(1U << chosen_by == std::numeric_limits<std::uint32_t>::digits);
        return 1U << (content >> (64 - chosen_by));
    }

    /// Returns a number less than size_ if the entry is there.
    [[nodiscard]] Position age_of(Position position) const { return end_ - 1 - position; }
    [[nodiscard]] bool is_there(Position position) const { return age_of(position) < size_; }
    [[nodiscard]] Entry& entry(Position index) const { return entries_[index]; }
    [[nodiscard]] Entry& at(Position position) const { return entry(position & (capacity_ - 1)); }
    [[nodiscard]] Bucket& bucket_of(std::uint64_t content) const {
        return buckets_[content & (capacity_ - 1)];
    }
    /// The entries that matter for a change, as far back as the rule needs them.
    struct Alike {
        Position count = 0; ///< All entries from the earliest that matters to the newest; 0 if none does.
        // The ages of the newest of each kind.
        Position own = none, foreign = none;
        bool is_repeated =
            false; ///< Its data was written before, and again so long after that its tags may wrap.

        static constexpr Position none = std::numeric_limits<Position>::max();
    };
    enum class Verdict { done, replaced, unknown };
    [[nodiscard]] Position count_later(Time arrival) const;
    [[nodiscard]] Alike alike_of(const Request& change) const;
    [[nodiscard]] Verdict judge_by_sectors(const Alike& alike, const Request& change) const;
    [[nodiscard]] Verdict judge_by_newest(const Alike& alike, const Request& change,
                                          std::uint64_t sector) const;
    [[nodiscard]] bool is_replaced(Position first, const Request& change) const;
    void start();
    [[nodiscard]] bool has_room(Time now);
    void grow();
    void rebuild_tables();
    void forget_oldest();
    [[nodiscard]] bool can_afford(Position entries, Time now);
    Entry& enter(Request& change);
    void stand_for_alike(Entry& newest);

    // The newest change of each sector. Sectors of one run lie side by side, and share their places with
    // those of other runs.
    static constexpr std::uint64_t run_sectors = 64, most_noted = 256;
    [[nodiscard]] Position& newest_of(std::uint64_t sector) const;
    void note_newest(const SectorRange& range, Position position);
    [[nodiscard]] static Position places(Position capacity) {
        return 4 * std::max<Position>(capacity, run_sectors);
    }
    [[nodiscard]] Position nowhere() const {
        return end_ + (1U << 31);
    } ///< A position that no entry will have soon.

    const ContentHash& hash_;
    HistoryBudget& budget_;
    const Bounds bounds_;
    // The address space for all entries is there from the beginning.
    LazyArray<Entry> entries_;   ///< A ring, indexed by position.
    LazyArray<Bucket> buckets_;  ///< Indexed by a hash of the content.
    LazyArray<Position> newest_; ///< Indexed by a hash of the sector; without refused changes.
    Position newest_wide_ = 0;   ///< The newest change of more than `most_noted` sectors.
    Position capacity_ = 0;      ///< The used size of the ring and of the buckets, a power of two.
    Position end_ = 0;           ///< One past the newest position.
    Position size_ = 0;
    std::uint64_t entries_left_ = most_entries; ///< Entries that may still be looked at in turn.
    Time entries_from_ = Time::min();           ///< When entries_left_ last grew.
    Time newest_arrival_ = Time::min();
    Time forgotten_arrival_ = Time::min(); ///< The newest arrival of entries that have left the ring.
};

} // namespace aoetarget::core
