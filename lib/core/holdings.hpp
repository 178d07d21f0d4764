// Counts how much each export holds of the resources that all exports share (slots of frames, bounce buffers,
// workers of the kernel), and decides whether it may have more. All such decisions are here, so that an
// export whose device does not answer costs the others nothing.
//
// The rule is the same for every resource. Each export always owns a part of it, its quota, which no other
// export can take. The rest is shared, and is given out only as long as every quota that is not used up could
// still be claimed in full. So the others keep their quotas, however many devices hang, and however many
// hosts send requests to their exports. An export that is added while others hang may find less, because
// their quotas were larger; and if there are more exports than three quarters of the slots, none owns any. An
// export may have as much of the shared rest as it leaves to the others, a quarter of that before its device
// has ended its first operation, and nothing if it holds something and has ended nothing for a while.
//
// A sender (a source address) may have as many requests of one export under way through one link as the
// buffer count says. That is the number advertised, so this never hinders a host that keeps to it, and a
// flood takes no more from others than a host with a full window would. If others use the same link, two more
// bounds hold. The sender may hold no more than three times the slots that the export could still take, so
// that some are always left for the next sender. Beyond the slots that the exports own, it may hold of all
// exports together no more than three times the shared slots that are left, not counting those that stalling
// devices keep. Alone it may fill its window on each export.
//
// Requests beyond this are dropped at once, the newest first (lib/core/ordering.md H9), before anything
// costly is done for them. Copies of requests under way are merged before, and do not count.
//
// A source address is easily forged. This does not stop a flood under ever new addresses; a mask list does.
#pragma once

#include "core/senders.hpp"
#include "core/time.hpp"

#include <algorithm>
#include <optional>
#include <vector>

namespace aoetarget::core {

/// The resources that one export holds, of all pools together.
struct Account {
    std::size_t slots = 0;      ///< Slots of its requests, and of answers that wait for these.
    std::size_t buffers = 0;    ///< Bounce buffers.
    std::size_t operations = 0; ///< Operations that are with its device.
    Time progress{};            ///< When its device last ended one, or got one while it had none.
    bool is_proven = false;     ///< True once its device has ended an operation.
};

class Holdings {
  public:
    /// `buffer_count` is the number of requests of an export that one sender may have under way through one
    /// link, unless the link has a number of its own.
    explicit Holdings(std::size_t buffer_count) : buffer_count_(buffer_count) {}

    /// An export hangs if its device has something to do and has ended nothing for this long. A busy disk
    /// ends operations all the time, even if each of them takes longer.
    static constexpr Time patience = std::chrono::milliseconds(100);
    /// It stalls after this time, when it may hold a worker thread of the kernel for each of its operations.
    static constexpr Time stall = std::chrono::milliseconds(30);

    enum class Verdict : std::uint8_t {
        admitted,
        export_is_full, ///< The export holds as much as it may.
        sender_is_full, ///< The sender holds as much as it may.
    };

    /// Makes room for this many more slots in all pools together. The core calls this only while links are
    /// added.
    void grow(std::size_t slots) {
        senders_.grow(slots);
        requests_max_ += slots;
    }
    /// Adds an export, until remove_export(), which must come when it holds nothing.
    void add_export(Account& account);
    void remove_export(const Account& account);
    [[nodiscard]] std::size_t exports() const { return accounts_.size(); }
    /// Must be called once a turn, before operations end in it.
    void begin_turn(Time now);
    [[nodiscard]] Time now() const { return now_; }

    /// Returns whether another sender than `source` has lately used the link of this slot. Must be called
    /// once for each request.
    static bool has_company(const FrameSlot& slot, const MacAddress& source);
    /// Identifies a source, the link that it uses (by its pool), and the export (by its account).
    struct Asker {
        MacAddress source;
        FramePool& pool;
        Account& account;
    };
    /// Returns the entry for the next two functions, null if the sender has nothing under way.
    [[nodiscard]] Sender* find(const Asker& asker) const {
        return senders_.find(asker.source, asker.pool, &asker.account);
    }
    /// Decides whether the export may hold one more slot for this sender.
    [[nodiscard]] Verdict may_enter(const Asker& asker, const Sender* found, bool in_company);
    /// Returns how many requests of one export a sender may have under way through the link of this pool.
    [[nodiscard]] std::size_t buffer_count(const FramePool& pool) const {
        return pool.buffer_count() != 0 ? pool.buffer_count() : buffer_count_;
    }
    /// Returns how many of the pool's slots an export may hold while no other holds any.
    [[nodiscard]] std::size_t most_for_one(FramePool& pool) {
        refresh(pool);
        return pool.use().slots.most_for_one();
    }
    /// Returns the buffer count that Query Config tells initiators of a link that has this pool, and whose
    /// receive buffer holds `of_link` requests. With fewer than two, Linux hangs.
    [[nodiscard]] std::size_t advertised(FramePool& pool, std::size_t of_link) {
        return std::max<std::size_t>(2, std::min({buffer_count(pool), most_for_one(pool), of_link}));
    }
    /// Counts the slot, until leave(). may_enter() must have just admitted it.
    Sender* enter(const Asker& asker, Sender* found);
    void leave(Sender* sender, Account& account);

    /// Counts the slot in which the answer to a change of an export's state waits, until end_change(). An
    /// export has one such slot at a time. Returns false if it may not have it.
    bool begin_change(FramePool& pool);
    void end_change(FramePool& pool);

    /// Counts the slot of a request to several exports that waits for free slots, until end_wait(). Returns
    /// false if it must not wait, because it might wait for its own slot.
    bool begin_wait(FramePool& pool);
    static void end_wait(FramePool& pool) { pool.use().slots.give_back(); }

    /// Count an operation that the export's device gets, and that it has ended.
    void operation_begins(Account& account);
    void operation_ended(Account& account);

    /// Returns how many worker threads of the kernel stalling devices, and a stalling state directory, may
    /// hold. The kernel needs this many more than usual, or operations that block would wait for the threads
    /// that other exports keep. The target reads it once a turn.
    [[nodiscard]] std::size_t held_workers() const { return held_workers_; }
    /// Returns when begin_turn() has to look again for devices that stall, or nothing if no more can.
    [[nodiscard]] std::optional<Time> next_look() const { return next_look_; }

  private:
    void refresh(FramePool& pool);
    [[nodiscard]] std::size_t room_for(const Account& account, const Share& slots, std::size_t held) const;
    void refresh_requests();
    void look_for_stalls();
    void look_later();
    void find_stuck();

    SenderTable senders_;
    const std::size_t buffer_count_;
    std::vector<Account*> accounts_;
    /// The shares of all pools together, including those that no link has any more: each held slot has one
    /// Request, and there are no more Requests than slots of links.
    Share requests_;
    std::size_t requests_max_ = 0;
    std::size_t changes_ = 0; ///< Changes of states that are under way.
    Time change_progress_{};  ///< When one of these last ended, or began while there was none.
    std::size_t held_workers_ = 0;
    bool has_stuck_ = false; ///< True if some sender has requests with a device that stalls.
    std::optional<Time> next_look_;
    Time now_{}; ///< Of the last turn.
};

} // namespace aoetarget::core
