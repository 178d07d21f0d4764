// What each export holds of everything that all exports share, and whether it may have more: slots of frames,
// bounce buffers, workers of the kernel. The one place where that is decided, so that an export whose device
// does not answer costs nobody else anything.
//
// The rule is the same for every resource. Each export always owns a part of it, its quota, which nobody else
// can take, whatever happens and in whatever order: what lies beyond the quotas is shared, and is given out
// only as long as every quota that is not used up could still be claimed in full. So however many devices
// hang, however many hosts ask for their exports, and however often, the others have their quotas. An export
// that is added while others hang may find less, since theirs were larger; and where exports are more than
// three quarters of the slots, none owns any. Of what is shared an export may have as much as would then be
// left for the others, a quarter of that before its device has ended anything at all, and nothing where it
// holds something and has ended nothing for a while.
//
// Of an export's part, a sender (a source address) may have as many requests under way through one link as
// the buffer count says, and no more are ever advertised: so this never hinders a host that keeps to what is
// advertised, and a flood takes no more from others than a host with a full window would. Where others ask
// through the same link it may also have no more than three times what is still free of the export's part, so
// that there is always something left for the next; and beyond what the export owns, of all exports together
// no more than three times what these still share, but for what devices that stall do not give back. Alone it
// may fill its window on each export.
//
// What exceeds this is dropped at once, the newest first (lib/core/ordering.md H9), before anything costly is
// done for it. Copies of what is under way are merged before, and are not counted.
//
// A source address is easily forged. A flood under ever new addresses is not held back by this; a mask list
// in front of the export is the cure.
#pragma once

#include "core/senders.hpp"
#include "core/time.hpp"

#include <optional>
#include <vector>

namespace aoetarget::core {

/// What one export holds, of all pools together.
struct Account {
    std::size_t slots = 0;      ///< With its requests, and with answers that wait for these.
    std::size_t buffers = 0;    ///< For bouncing.
    std::size_t operations = 0; ///< That are with its device.
    Time progress{};            ///< When its device last ended one, or had none before.
    bool is_proven = false;     ///< Its device has ended something.
};

class Holdings {
  public:
    /// `buffer_count`: how many requests of an export one sender may have under way through one link.
    explicit Holdings(std::size_t buffer_count) : buffer_count_(buffer_count) {}

    /// An export whose device has ended nothing for so long, and has something to do, hangs until it does. A
    /// busy disk ends something all the time, even one that takes longer for each of its operations.
    static constexpr Time patience = std::chrono::milliseconds(100);
    /// After so long it stalls: it may have a worker thread of the kernel for each of its operations.
    static constexpr Time stall = std::chrono::milliseconds(30);

    enum class Verdict : std::uint8_t {
        admitted,
        export_is_full, ///< The export holds all that it may.
        sender_is_full, ///< The sender does.
    };

    /// Room for so many more slots in all pools together. Only called while links are added.
    void grow(std::size_t slots) {
        senders_.grow(slots);
        requests_max_ += slots;
    }
    /// From now on this export shares, until remove_export(): when it holds nothing.
    void add_export(Account& account);
    void remove_export(const Account& account);
    [[nodiscard]] std::size_t exports() const { return accounts_.size(); }
    /// Once a turn, before anything ends in it.
    void begin_turn(Time now);
    [[nodiscard]] Time now() const { return now_; }

    /// Whether somebody else than `source` has lately asked through the link of this slot. To be asked once
    /// for each request.
    static bool has_company(const FrameSlot& slot, const MacAddress& source);
    /// Who asks: a source, through the link of a pool, for the export whose account this is.
    struct Asker {
        MacAddress source;
        FramePool& pool;
        Account& account;
    };
    /// Null where it has nothing under way: for the next two.
    [[nodiscard]] Sender* find(const Asker& asker) const {
        return senders_.find(asker.source, asker.pool, &asker.account);
    }
    /// Whether the export may hold one more slot for it.
    [[nodiscard]] Verdict may_enter(const Asker& asker, const Sender* found, bool in_company);
    /// How many of the pool's slots an export may hold while no other holds any.
    [[nodiscard]] std::size_t most_for_one(FramePool& pool) {
        refresh(pool);
        return pool.use().slots.most_for_one();
    }
    /// It does, until leave(). may_enter() has just said so.
    Sender* enter(const Asker& asker, Sender* found);
    void leave(Sender* sender, Account& account);

    /// Counts the slot in which the answer to a change of an export's state waits, of which an export has one
    /// at a time, until end_change(). False: there must be no more.
    bool begin_change(FramePool& pool);
    void end_change(FramePool& pool);

    /// Counts the slot of a request to several exports that waits for free slots, until end_wait(). False: it
    /// must not wait, for then it might be what it waits for.
    bool begin_wait(FramePool& pool);
    static void end_wait(FramePool& pool) { pool.use().slots.give_back(); }

    /// Its device is given something to do, and has ended it.
    void operation_begins(Account& account);
    void operation_ended(Account& account);

    /// How many worker threads of the kernel devices that stall may hold, and a state directory that does. So
    /// many more than usual are needed, or operations that block would wait for what others' devices do not
    /// give back. To be looked at once a turn.
    [[nodiscard]] std::size_t held_workers() const { return held_workers_; }
    /// When begin_turn() has to look again whether something stalls; empty: nothing new can.
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
    /// Of all pools together, those included that no link has any more: for each slot that is held there is
    /// one Request, and no more Requests than slots that links have.
    Share requests_;
    std::size_t requests_max_ = 0;
    std::size_t changes_ = 0; ///< Of states, under way.
    Time change_progress_{};  ///< When one of these ended, or there was none before.
    std::size_t held_workers_ = 0;
    bool has_stuck_ = false; ///< Some sender has something with a device that stalls.
    std::optional<Time> next_look_;
    Time now_{}; ///< Of the last turn.
};

} // namespace aoetarget::core
