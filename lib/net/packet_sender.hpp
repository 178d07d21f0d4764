// Sends a link's answers out of the slots in which they lie: through its lane if that takes them, else
// through its packet sockets. Answers for which the interface has no room wait a little.
#pragma once

#include "net/frame_memory.hpp"
#include "net/lane_keeper.hpp"
#include "net/link_context.hpp"

#include <algorithm>
#include <vector>

namespace aoetarget::net {

class PacketSender final : private ring::RegisteredHandler, private ring::Deferred {
  public:
    PacketSender(LinkContext& link, FrameMemories& memories, const LaneKeeper& lane);

    /// Takes note that the link's sockets are open.
    void open();
    /// Takes note that they are about to be closed. Answers that wait here are not sent any more.
    void close();
    /// Makes room for the answers in this many slots at once.
    void reserve(std::size_t slots) { outbox_.reserve(slots); }

    /// See PacketLink::send_in_groups().
    void send_in_groups(bool disks_wait, bool independent) {
        const bool small = state_ == State::backlog ? group_ == small_group : independent;
        group_ = disks_wait && small ? small_group : large_group;
    }
    /// Sends the answer at the end of the turn.
    void send(core::FrameSlot slot) {
        if (!link_.socket.is_open()) {
            ++link_.counters.tx_errors;
            return;
        }
        if (state_ == State::empty) {
            link_.ring.defer(*this);
            state_ = State::filling;
        }
        if (outbox_.size() == outbox_.capacity())
            drop_sent();
        outbox_.push_back({.slot = std::move(slot), .attempts = 0});
    }
    /// Sends an answer once more that the lane had no room for, in a while and through the packet socket.
    void send_again(core::FrameSlot slot) { keep_or_give_up({.slot = std::move(slot), .attempts = 0}); }
    [[nodiscard]] bool quiet() const { return state_ == State::empty && RegisteredHandler::quiet(); }

  private:
    enum class State {
        empty,
        filling, ///< The outbox gets answers of this turn.
        backlog, ///< Answers of an earlier turn are left in the outbox.
        full,    ///< The interface has no room. All answers wait for the next attempt.
    };
    struct Answer {
        core::FrameSlot slot;
        std::uint8_t attempts; ///< Those that have come and gone while it was here.
    };
    // The number of answers that leave in one submission. While a small group is being sent, a disk serves
    // about as many requests.
    static constexpr std::size_t small_group = 4, large_group = 64;

    void on_turn_end() override;
    void on_completion(std::uint64_t argument, int result, std::uint32_t flags) override;
    void submit(Answer answer);
    void keep_or_give_up(Answer answer);
    void keep(Answer answer);
    void try_again();
    void drop_sent();
    void clear();

    LinkContext& link_;
    FrameMemories& memories_;
    const LaneKeeper& lane_;
    ring::RingFile file_, large_file_;
    State state_ = State::empty;
    std::size_t group_ = large_group;
    std::vector<Answer> outbox_; ///< The answers from next_ on are to be sent.
    std::size_t next_ = 0;
};

} // namespace aoetarget::net
