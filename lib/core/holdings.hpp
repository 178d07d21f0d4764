// What each export holds of everything that all exports share, and whether it may have more: slots of frames,
// bounce buffers, workers of the kernel. The one place where that is decided, so that an export whose device
// does not answer costs nobody else anything.
//
// The rule is the same for every resource. Each export always owns a part of it, its quota, which nobody else
// can take, whatever happens and in whatever order: what lies beyond the quotas is shared, and is given out
// only as long as every quota that is not used up could still be claimed in full. So however many devices
// hang, however many hosts ask for their exports, and however often, the others have their quotas. Of what is
// shared an export may have as much as would then be left for the others, a quarter of that before its device
// has ended anything at all, and nothing where it holds something and has ended nothing for a while.
//
// Of an export's part, a sender (a source address) may have as many requests under way through one link as
// the buffer count says, and no more are ever advertised: so this never hinders a host that keeps to what is
// advertised, and a flood takes no more from others than a host with a full window would. Where others ask
// through the same link it may also have no more than three times what is still free, of the export's part
// and of what the link's exports share, so that there is always something left for the next. Alone it may
// fill its window on each export.
//
// What exceeds this is dropped at once, the newest first (initiators.md H9), before anything costly is done
// for it. Copies of what is under way are merged before, and are not counted.
//
// A source address is easily forged. A flood under ever new addresses is not held back by this; a mask list
// in front of the export is the cure.
#pragma once

#include "core/senders.hpp"
#include "core/time.hpp"

namespace aoetarget::core {

/// What one export holds, of all pools together.
struct Account {
    std::size_t slots = 0;   ///< With its requests, and with answers that wait for these.
    std::size_t buffers = 0; ///< For bouncing.
    Time progress{};         ///< When its device last ended anything, or when it began to hold slots.
    bool has_begun = false;  ///< To hold slots, since the last turn.
    bool is_proven = false;  ///< Its device has ended something.
};

class Holdings {
  public:
    /// `buffer_count`: how many requests of an export one sender may have under way through one link.
    explicit Holdings(std::size_t buffer_count) : buffer_count_(buffer_count) {}

    /// An export that has not ended anything for so long, and holds something, hangs until it does. A busy
    /// disk ends something all the time, even one that takes longer for each of its operations.
    static constexpr Time patience = std::chrono::milliseconds(100);
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
    /// It does, until leave().
    Sender* enter(const Asker& asker, Sender* found);
    void leave(Sender* sender, Account& account);

    /// Counts the slot in which the answer to a change of an export's state waits, of which an export has one
    /// at a time, until end_change(). False: there must be no more.
    bool begin_change(FramePool& pool);
    void end_change(FramePool& pool);

    /// Its device has ended something.
    void progressed(Account& account) const {
        account.progress = now_;
        account.is_proven = true;
    }

    /// How many of the kernel's worker threads a target needs that has so many slots for requests in its
    /// links and so many exports: one for each operation that may block at the same time, so that none ever
    /// waits for a thread that another export's device keeps. The kernel starts them when they are needed. An
    /// export may have a sync and a saved state under way besides its requests.
    static std::size_t workers_for(std::size_t slots, std::size_t exports);

  private:
    void refresh(FramePool& pool);
    void refresh_requests();

    SenderTable senders_;
    const std::size_t buffer_count_;
    std::vector<Account*> accounts_;
    std::vector<Account*> begun_; ///< Those that held nothing before.
    /// Of all pools together, those included that no link has any more: for each slot that is held there is
    /// one Request, and no more Requests than slots that links have.
    Share requests_;
    std::size_t requests_max_ = 0;
    Time now_{}; ///< Of the last turn.
};

} // namespace aoetarget::core
