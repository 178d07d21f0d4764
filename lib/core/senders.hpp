// How many requests each sender has under way, so that one that floods leaves room for the others.
//
// Of the requests of one export that came through one link, a sender (a source address) may have as many
// under way as the buffer count says, and no more are ever advertised: so this never hinders who keeps to
// what is advertised, and a flood takes no more from others than a host with a full window would. Where
// others ask through the same link it may also have no more than three times what is still free, of the
// export's share and of the link's slots, so that however many exports it uses there is always something left
// for the next. Alone, only the buffer count and what an export may hold in all limit it.
//
// What exceeds this is dropped at once, the newest first (initiators.md H9), before anything costly is done
// for it: the frames of others wait behind it in the socket. Copies of what is under way are merged before,
// and are not counted.
//
// A source address is easily forged. A flood under ever new addresses is not held back by this; a mask list
// in front of the export is the cure.
#pragma once

#include "core/fixed_pool.hpp"
#include "core/frame_pool.hpp"

#include <aoetarget/address.hpp>

#include <algorithm>
#include <bit>

namespace aoetarget::core {

/// One sender's requests of one export, or of all (`exported` is null), that lie in the slots of one pool.
struct Sender {
    MacAddress source;
    const FramePool* pool = nullptr;
    const void* exported = nullptr;
    Sender* whole = nullptr; ///< The same sender's of all exports; null where this is that.
    std::size_t held = 0;    ///< Requests under way. Never 0 while it is in the table.
    Sender* next = nullptr;  ///< In its bucket.
};

/// Those who have requests under way. There are never more than twice as many as requests.
class SenderTable {
  public:
    /// Room for so many more requests. Only called while links are added.
    void grow(std::size_t requests) {
        free_.grow(2 * requests);
        size_ += 2 * requests;
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

    /// Null: it has nothing under way.
    [[nodiscard]] Sender* find(const MacAddress& source, const FramePool& pool, const void* exported) const {
        Sender* sender = buckets_[bucket_of(source, &pool, exported)];
        while (sender != nullptr &&
               (sender->source != source || sender->exported != exported || sender->pool != &pool))
            sender = sender->next;
        return sender;
    }

    /// One more request is under way. `found`: what find() has said. Returns whose it is, for leave().
    Sender* enter(Sender* found, const MacAddress& source, const FramePool& pool, const void* exported) {
        if (found == nullptr) {
            Sender* whole = find(source, pool, nullptr);
            if (whole == nullptr)
                whole = &add(source, pool, nullptr, nullptr);
            found = &add(source, pool, exported, whole);
        }
        ++found->held;
        ++found->whole->held;
        return found;
    }
    void leave(Sender* sender) {
        Sender* whole = sender->whole;
        if (--sender->held == 0)
            remove(*sender);
        if (--whole->held == 0)
            remove(*whole);
    }

  private:
    [[nodiscard]] std::size_t bucket_of(const MacAddress& source, const void* pool,
                                        const void* exported) const {
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
    Sender& add(const MacAddress& source, const FramePool& pool, const void* exported, Sender* whole) {
        Sender* sender = free_.take();
        *sender = {.source = source, .pool = &pool, .exported = exported, .whole = whole};
        insert(*sender);
        return *sender;
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
