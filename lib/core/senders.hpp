// Counts the slots that are under way: by sender (a source address), by export, and by both.
#pragma once

#include "core/fixed_pool.hpp"
#include "core/frame_pool.hpp"

#include <aoetarget/address.hpp>

#include <algorithm>
#include <bit>

namespace aoetarget::core {

struct Account;

/// Stands for all senders together, because no sender has a multicast address.
inline constexpr MacAddress everybody{{0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF}};

/// The slots of one pool that are under way for one sender of one export, for one sender of all exports
/// (`exported` is null), or for all senders of one export.
struct Sender {
    MacAddress source;
    FramePool* pool = nullptr;
    const Account* exported = nullptr; ///< The export's account.
    // These are set in the entry of one sender of one export:
    Sender* whole = nullptr; ///< The entry of the same sender of all exports.
    Sender* all = nullptr;   ///< The entry of all senders of the same export.
    std::size_t held = 0;    ///< The number of slots, never 0 while the entry is in the table.
    std::size_t stuck = 0;   ///< In the entry of one sender of all exports: slots with devices that stall.
    Sender* next = nullptr;  ///< The next in its bucket.
};

/// The table of all entries. There are never more than three of them for a slot.
class SenderTable {
  public:
    /// Makes room for this many more slots. The core calls this only while links are added.
    void grow(std::size_t slots) {
        free_.grow(3 * slots);
        size_ += 3 * slots;
        std::vector<Sender*> old(std::bit_ceil(size_), nullptr);
        old.swap(buckets_);
        for (Sender* sender : old) {
            while (sender != nullptr) {
                Sender* following = sender->next;
                insert(*sender);
                sender = following;
            }
        }
    }

    /// Returns null if the sender has nothing under way.
    [[nodiscard]] Sender* find(const MacAddress& source, const FramePool& pool,
                               const Account* exported) const {
        Sender* sender = buckets_[bucket_of(source, &pool, exported)];
        while (sender != nullptr &&
               (sender->source != source || sender->exported != exported || sender->pool != &pool))
            sender = sender->next;
        return sender;
    }

    /// Counts one more slot. `found` is the result of find(). Returns the entry for leave().
    Sender* enter(Sender* found, const MacAddress& source, FramePool& pool, const Account* exported) {
        if (found == nullptr) {
            found = &add(source, pool, exported);
            found->whole = &find_or_add(source, pool, nullptr);
            found->all = &find_or_add(everybody, pool, exported);
        }
        for (Sender* sender : {found, found->whole, found->all})
            ++sender->held;
        return found;
    }
    void leave(Sender* one) {
        for (Sender* sender : {one, one->whole, one->all}) {
            if (--sender->held == 0)
                remove(*sender);
        }
    }

    template <typename Function>
    void for_each(Function function) const {
        for (Sender* sender : buckets_) {
            for (; sender != nullptr; sender = sender->next)
                function(*sender);
        }
    }

  private:
    [[nodiscard]] std::size_t bucket_of(const MacAddress& source, const FramePool* pool,
                                        const Account* exported) const {
        std::uint64_t key = reinterpret_cast<std::uintptr_t>(pool) ^
                            std::rotl(reinterpret_cast<std::uintptr_t>(exported), 24);
        for (const std::uint8_t byte : source.bytes)
            key = std::rotl(key, 8) ^ byte;
        return key * 0x9E3779B97F4A7C15 >> 32 & (buckets_.size() - 1);
    }
    void insert(Sender& sender) {
        Sender*& first = buckets_[bucket_of(sender.source, sender.pool, sender.exported)];
        sender.next = first;
        first = &sender;
    }
    Sender& add(const MacAddress& source, FramePool& pool, const Account* exported) {
        Sender* sender = free_.take();
        *sender = {.source = source, .pool = &pool, .exported = exported};
        insert(*sender);
        return *sender;
    }
    Sender& find_or_add(const MacAddress& source, FramePool& pool, const Account* exported) {
        Sender* sender = find(source, pool, exported);
        return sender != nullptr ? *sender : add(source, pool, exported);
    }
    void remove(Sender& sender) {
        Sender** place = &buckets_[bucket_of(sender.source, sender.pool, sender.exported)];
        while (*place != &sender)
            place = &(*place)->next;
        *place = sender.next;
        free_.give_back(&sender);
    }

    FixedPool<Sender> free_;
    std::vector<Sender*> buckets_;
    std::size_t size_ = 0;
};

} // namespace aoetarget::core
