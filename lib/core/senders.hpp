// How many requests each sender has under way, so that one that floods leaves room for the others.
//
// Of the requests of one export that came through one link, a sender (a source address) may have as many
// under way as the buffer count says, and no more are ever advertised: so this never hinders who keeps to
// what is advertised, and a flood takes no more from others than a host with a full window would. Where
// others ask through the same link it may also have no more than three times what is still free, of the
// export's share and of the link's slots, so that however many exports it uses there is always something left
// for the next. Alone it may fill its window on each export; only when nothing has ended for a while are the
// last few slots of the link kept for whoever has nothing under way yet.
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

/// Stands for all senders together: no sender has a multicast address.
inline constexpr MacAddress everybody{{0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF}};

/// One sender's requests of one export, or of all (`exported` is null), or everybody's of one export, that
/// lie in the slots of one pool.
struct Sender {
    MacAddress source;
    const FramePool* pool = nullptr;
    const void* exported = nullptr;
    // Of what is one sender's and of one export:
    Sender* whole = nullptr; ///< The same sender's of all exports.
    Sender* all = nullptr;   ///< Everybody's of the same export.
    std::size_t held = 0;    ///< Requests under way. Never 0 while it is in the table.
    Sender* next = nullptr;  ///< In its bucket.
};

/// Those who have requests under way. There are never more than three times as many as requests.
class SenderTable {
  public:
    /// Room for so many more requests. Only called while links are added.
    void grow(std::size_t requests) {
        free_.grow(3 * requests);
        size_ += 3 * requests;
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
    Sender& add(const MacAddress& source, const FramePool& pool, const void* exported) {
        Sender* sender = free_.take();
        *sender = {.source = source, .pool = &pool, .exported = exported};
        insert(*sender);
        return *sender;
    }
    Sender& find_or_add(const MacAddress& source, const FramePool& pool, const void* exported) {
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
