// What an export remembers of the changes that it has admitted, so that an old frame that turns up late never
// undoes a newer change.
//
// A frame can be late because it waited in a receive queue of ours while other interfaces were served: then
// its time of arrival tells (R1). Or it was late when it arrived (R3): then it is an exact copy of a request
// that has been carried out, or an earlier transmission of one, with an older tag. In all of these cases the
// frame is dropped, which is always safe: an initiator that still wants it repeats it.
//
// The rule of R3. A change C is dropped if an earlier change E is remembered that has the same content and
// range, and
// - E has the source of C, and its tag or a newer one (tag_order.hpp), and after E something else was written
//   to a sector of C, or the same under the same tag, but with other data; or
// - E has another source and a newer tag, and after E something was written to a sector of C with a newer tag
//   than that of C. Linux gives the ports of a host one order of tags, and sends again through any of them.
// It is done all the same where the newest change of each sector of C wrote what C writes: then it undoes
// nothing.
//
// Therefore a late frame never undoes a newer change
// - if it is a copy, tag and all, of a change from the same port that was carried out, or if a Linux host
//   sent it at most 8 s before another transmission of its request that was carried out, through any port;
// - if it is admitted within two seconds (`memory`) after the end of that change; and
// - before 32,768 others (`max_entries`) were admitted. So above 16,384 changes a second the history reaches
//   back less far: at 100,000 a third of a second, at 300,000 a tenth, which is the shortest time after which
//   Linux repeats a request.
//
// Two hosts do not share an order of tags, so one may be taken for a port of the other. That happens if it
// writes what the other wrote to the same place shortly before, and its tag looks older than that of the
// other (one case in eight) and than that of a write that came in between. Then its write waits for up to two
// seconds.
//
// Where a host uses one tag for several requests, hashes tell a new request from a copy. Of a content they
// see a part, and all of the data where a change is done that may be a copy. They take two contents for the
// same with a probability of less than 2^-31, which nobody on the network can make greater
// (content_hash.hpp). A host that writes A, B, and A again with one tag cannot be told from one whose first A
// comes twice: its third write is dropped until the first is forgotten, for up to two seconds. So is a write
// whose tag, which is none of Linux's, only looks older than that of the same data written before
// (tag_order.hpp).
//
// Time: a change that is like none that is remembered costs one look at its bucket. Otherwise at most
// `max_alike` entries of the bucket are looked at. If one of them may matter, or there are more of them, a
// table tells the newest change of each sector of C, and with that decides nearly always. Two sectors may
// share a place in the table, and a chain may be too long: then the rule is applied to each entry in turn,
// at most `max_entries` of them, which takes 39 to 51 us. Each that was admitted while a frame waited
// elsewhere is looked at as well (R1). Up to 2,048 entries take 3 us. More may take a tenth of a processor,
// and a change that would take more than that is dropped.
//
// Memory: the first 2,048 changes take 176 KiB, and an export that is written to more than 1,024 times a
// second takes up to 2.75 MiB.
#pragma once

#include "core/content_hash.hpp"
#include "core/tag_order.hpp"

#include <algorithm>
#include <limits>
#include <memory>

namespace aoetarget::core {

/// Of one export. Bounded in memory; a change that waited so long that the history no longer reaches back to
/// its arrival counts as overtaken. Of copies that come later than it reaches back nothing is known: they are
/// done.
class WriteHistory {
  public:
    /// It has room for this number of changes, which is for many exports that are little written to, and for
    /// more, up to the most, where one would have to be forgotten that is still to be remembered.
    static constexpr std::uint32_t least_entries = 2048;
    static constexpr std::uint32_t max_entries = 32768;
    /// For so long after the end of a change its copies are recognised. Tags are used again after a restart
    /// of the initiator, so this must not be much longer than frames survive in a network.
    static constexpr Time memory = std::chrono::seconds(2);
    static constexpr unsigned max_alike = 16;
    /// The rule is applied to this number of entries in a millisecond on average, for less than a tenth of a
    /// processor, and to no more than the second number in a burst.
    static constexpr std::uint64_t entries_each_ms = 65536, most_entries = 16 * entries_each_ms;

    /// For tests, which are quicker and more thorough with a small history. Entries: powers of two.
    struct Bounds {
        std::uint32_t least_entries = WriteHistory::least_entries;
        std::uint32_t max_entries = WriteHistory::max_entries;
        unsigned max_alike = WriteHistory::max_alike;
    };

    /// `hash`: outlives it.
    explicit WriteHistory(const ContentHash& hash) : WriteHistory(hash, Bounds{}) {}
    WriteHistory(const ContentHash& hash, const Bounds& bounds);

    /// R1: whether a change of the same sectors was admitted that arrived later than this one. One comparison
    /// where frames come in the order of their arrival. True as well where to find out would take the
    /// processor from others.
    [[nodiscard]] bool has_overtaken(const Request& change);
    /// R3: whether the rule wants this one to be dropped, or to find that out would take the processor from
    /// others. Its `content` is that of the hash. Sets its `digest`.
    [[nodiscard]] bool has_replaced(Request& change);

    /// Remembers a change at its admission, in the order in which changes take effect. has_replaced() has
    /// seen it.
    void add(Request& change);
    /// Remembers one that was refused, and so will not be carried out: its initiator has an answer, and a
    /// late copy must not be taken for a new change. Not where a change that was carried out would have to be
    /// forgotten for it. has_replaced() has seen it.
    void add_refused(Request& change);
    /// A copy was merged with a change that is still under way. Of their tags the entry keeps the newest, so
    /// all others must be known to be older; otherwise the copy gets an entry of its own. Returns which:
    /// whether it shares that of the original.
    bool merged(Request& original, Request& copy);
    /// A change has ended, successfully or not. Until then its initiator may have sent copies.
    void ended(const Request& change, Time now);

  private:
    [[nodiscard]] bool can_share_entry(const Request& original, const Request& copy) const;
    /// Numbers changes in the order of their admission, and wraps.
    using Position = std::uint32_t;
    static constexpr std::uint64_t sector_bits = (1ULL << 48) - 1;

    /// From an entry back to an earlier one; the greatest is beyond all that is there.
    using Distance = std::uint16_t;
    static_assert(max_entries <= std::numeric_limits<Distance>::max());
    [[nodiscard]] static Distance distance(std::uint64_t positions) {
        return static_cast<Distance>(
            std::min<std::uint64_t>(positions, std::numeric_limits<Distance>::max()));
    }

    /// What an entry with the content of a change is to it, by the rule.
    enum class Kin {
        none,
        own,     ///< Of its source: a copy or a later transmission.
        foreign, ///< Of another source, and newer.
    };

    /// An entry also stands for earlier ones of the same content, range and source, back to the one at
    /// the distance `reach`; the chain of the bucket leaves these out.
    struct Entry {
        std::uint64_t first : 48;          ///< Of the range.
        std::uint64_t previous_alike : 16; ///< Distance of the next in the chain.
        std::uint64_t count : 48;
        std::uint64_t reach : 16;
        Time arrival;
        Time newest_arrival; ///< Of this and of all earlier entries.
        std::uint64_t content;
        TagSet tags;          ///< Its own is the newest of those for which it stands.
        std::uint32_t digest; ///< 0: not known.
        /// When the last copy arrived that was merged with it, or when it ended; in units after its arrival.
        /// Of one that is `merged`, until it ends: how far before it the one is that was merged with the same
        /// original before; 0: it is the first.
        std::uint32_t remembered_after;
        MacAddress source;
        bool under_way : 1;
        bool refused : 1; ///< It has changed nothing.
        bool merged : 1;  ///< With an earlier one, with which it ends.

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
        /// Not if the rest of their data, which the content does not show, may differ.
        [[nodiscard]] bool has_data_of(const Request& change) const {
            return has_content_of(change) && digest != 0 && digest == change.digest;
        }
        [[nodiscard]] Kin kin_of(const Request& change) const;
    };
    static_assert(sizeof(Entry) <= 64 && alignof(Entry) <= __STDCPP_DEFAULT_NEW_ALIGNMENT__);

    /// Entries whose contents have the same lower bits, linked from the newest on.
    struct Bucket {
        Position newest;
        /// Which kinds of content are among them. Those of forgotten ones stay as long as any is remembered:
        /// that costs a look at the entries and no more.
        std::uint32_t kinds;
    };
    /// One bit, chosen by the uppermost of the content, on which the choice of the bucket does not depend.
    [[nodiscard]] static std::uint32_t kind_of(std::uint64_t content) {
        constexpr unsigned chosen_by = 5;
        static_assert(1U << chosen_by == std::numeric_limits<std::uint32_t>::digits);
        return 1U << (content >> (64 - chosen_by));
    }

    /// Less than size_ where the entry is there.
    [[nodiscard]] Position age_of(Position position) const { return end_ - 1 - position; }
    [[nodiscard]] bool is_there(Position position) const { return age_of(position) < size_; }
    [[nodiscard]] Entry& entry(Position index) const {
        return reinterpret_cast<Entry*>(entries_.get())[index];
    }
    [[nodiscard]] Entry& at(Position position) const { return entry(position & (capacity_ - 1)); }
    [[nodiscard]] Bucket& bucket_of(std::uint64_t content) const {
        return buckets_[content & (capacity_ - 1)];
    }
    /// The entries that matter for a change, as far back as the rule asks for them.
    struct Alike {
        Position count = 0; ///< Of all entries from the earliest that matters to the newest; 0: none does.
        // The ages of the newest of each kind.
        Position own = none, foreign = none;
        bool is_repeated = false; ///< Written before, and again so long after that its tags may go round.

        static constexpr Position none = std::numeric_limits<Position>::max();
    };
    enum class Verdict { done, replaced, unknown };
    [[nodiscard]] Position count_later(Time arrival) const;
    [[nodiscard]] Alike alike_of(const Request& change) const;
    [[nodiscard]] Verdict judge_by_sectors(const Alike& alike, const Request& change) const;
    [[nodiscard]] Verdict judge_by_newest(const Alike& alike, const Request& change,
                                          std::uint64_t sector) const;
    [[nodiscard]] bool is_replaced(Position first, const Request& change) const;
    void make_room(Time now);
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
    [[nodiscard]] Position nowhere() const { return end_ + (1U << 31); } ///< There for no time soon.

    const ContentHash& hash_;
    const Bounds bounds_;
    // Addresses for all of it from the beginning, but memory only as it is touched: nothing constructs it.
    std::unique_ptr<std::byte[]> entries_; ///< A ring by position.
    std::unique_ptr<Bucket[]> buckets_;    ///< By a hash of the content.
    std::unique_ptr<Position[]> newest_;   ///< By a hash of the sector, of what was not refused.
    Position newest_wide_ = 0;             ///< Of those of more than `most_noted` sectors.
    Position capacity_ = 0;                ///< What is used of the ring and the buckets: a power of two.
    Position end_ = 0;                     ///< One past the newest.
    Position size_ = 0;
    std::uint64_t entries_left_ = most_entries; ///< That may be looked at in turn.
    Time entries_from_ = Time::min();           ///< When some were added last.
    Time newest_arrival_ = Time::min();
    Time forgotten_arrival_ = Time::min(); ///< The newest of what is no longer in the ring.
};

} // namespace aoetarget::core
