// What an export remembers of the changes that it has admitted, so that an old frame that turns up late never
// undoes a newer change (initiators.md H1, R1 and R3).
//
// A frame can be late because it waited in a receive queue of ours while other interfaces were served: then
// its time of arrival tells. Or it was late when it arrived: then it may be an exact copy of a request that
// has been carried out, or its tag may be older than that of the request which has replaced it. In all of
// these cases the frame is to be dropped, which is always safe: an initiator that still wants it repeats it.
#pragma once

#include "core/request.hpp"

#include <limits>
#include <memory>

namespace aoetarget::core {

/// Of one export. Bounded in memory; a change that waited so long that the history no longer reaches back to
/// its arrival counts as overtaken. Of copies that come later than it reaches back nothing is known: they are
/// done.
class WriteHistory {
  public:
    /// It has room for so many, which is for many exports that are little written to, and for more, up to the
    /// most, where what would have to be forgotten is still to be remembered.
    static constexpr std::uint32_t least_entries = 4096;
    static constexpr std::uint32_t max_entries = 32768;
    /// For so long after the end of a change its copies are recognised. Tags are used again after a restart
    /// of the initiator, so this must not be much longer than frames survive in a network. At more than
    /// 16,384 changes a second the history reaches back less far: at 100,000 a third of a second, at 300,000
    /// a tenth, which is the shortest time after which Linux repeats a request.
    static constexpr Time memory = std::chrono::seconds(2);
    /// So many changes of the same content are looked at, and then no more.
    static constexpr unsigned max_alike = 16;

    WriteHistory();

    /// R1: whether a change of the same sectors was admitted that arrived later than this one. One comparison
    /// where frames come in the order of their arrival.
    [[nodiscard]] bool has_overtaken(const Request& change) const;
    /// R3: whether this one was carried out before, as this frame or as a later transmission of it, and other
    /// data has been written to its sectors since.
    [[nodiscard]] bool has_replaced(Request& change) const;

    /// Remembers a change at its admission, in the order in which changes take effect. has_replaced() has
    /// seen it.
    void add(Request& change);
    /// A copy was merged with a change that is still under way: its tag is the one that counts now.
    void merged(const Request& original, const Request& copy);
    /// A change has ended, successfully or not. Until then its initiator may have sent copies.
    void ended(const Request& change, Time now);

  private:
    /// Numbers changes in the order of their admission, and wraps.
    using Position = std::uint32_t;

    struct Entry {
        SectorRange range;
        Time arrival;
        Time newest_arrival;  ///< Of this and of all earlier entries.
        Time remembered_from; ///< When the last copy arrived that was merged with it, or when it ended.
        std::uint64_t content;
        Position previous_alike; ///< In the same bucket.
        std::uint32_t tag;
        MacAddress source;
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
    [[nodiscard]] Entry& entry(Position index) const {
        return reinterpret_cast<Entry*>(entries_.get())[index];
    }
    [[nodiscard]] Entry& at(Position position) const { return entry(position & (capacity_ - 1)); }
    [[nodiscard]] Bucket& bucket_of(std::uint64_t content) const {
        return buckets_[content & (capacity_ - 1)];
    }
    void make_room(Time now);
    [[nodiscard]] static bool is_copy(const Entry& entry, const Request& change);
    [[nodiscard]] bool is_overwritten(Position position, const Request& change) const;
    [[nodiscard]] bool is_superseded(Position position, const Request& change) const;

    // Addresses for all of it from the beginning, but memory only as it is touched: nothing constructs it.
    std::unique_ptr<std::byte[]> entries_; ///< A ring by position.
    std::unique_ptr<Bucket[]> buckets_;    ///< By a hash of the content.
    Position capacity_ = 0;                ///< What is used of both: a power of two.
    Position end_ = 0;                     ///< One past the newest.
    Position size_ = 0;
    Time newest_arrival_ = Time::min();
    Time forgotten_arrival_ = Time::min(); ///< The newest of what is no longer in the ring.
};

} // namespace aoetarget::core
