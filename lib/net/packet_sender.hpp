// What sends a link's answers out of the slots in which they lie: through its lane where that takes them,
// else through its packet sockets.
#pragma once

#include "net/frame_memory.hpp"
#include "net/lane_keeper.hpp"
#include "net/link_context.hpp"

#include <algorithm>
#include <vector>

namespace aoetarget::net {

class PacketSender final : private ring::CompletionHandler, private ring::Deferred {
  public:
    PacketSender(LinkContext& link, FrameMemories& memories, const LaneKeeper& lane);
    ~PacketSender();
    PacketSender(const PacketSender&) = delete;
    PacketSender& operator=(const PacketSender&) = delete;

    /// The link's sockets are open.
    void open();
    /// They are about to be closed: what waits here is not sent any more.
    void close();
    /// Room for the answers in so many slots at once.
    void reserve(std::size_t slots) { outbox_.reserve(slots); }

    /// See PacketLink::send_in_groups().
    void send_in_groups(bool disks_wait, bool independent) {
        const bool small = state_ == State::backlog ? group_ == small_group : independent;
        group_ = disks_wait && small ? small_group : large_group;
    }
    /// At the end of the turn.
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
        outbox_.push_back(std::move(slot));
    }
    [[nodiscard]] bool quiet() const {
        return state_ == State::empty && link_.ring.outstanding(handler_) == 0;
    }

  private:
    enum class State {
        empty,
        filling, ///< With answers of this turn.
        backlog, ///< Answers of an earlier turn are left.
    };
    // Answers that leave in one submission. A small group is about what a disk serves while it is being sent.
    static constexpr std::size_t small_group = 4, large_group = 64;

    void on_turn_end() override;
    void on_completion(std::uint64_t argument, int result, std::uint32_t flags) override;
    void submit(core::FrameSlot slot);
    void drop_sent();
    void clear();

    LinkContext& link_;
    FrameMemories& memories_;
    const LaneKeeper& lane_;
    const ring::HandlerId handler_;
    ring::RingFile file_, large_file_;
    State state_ = State::empty;
    std::size_t group_ = large_group;
    std::vector<core::FrameSlot> outbox_; ///< To be sent from next_ on.
    std::size_t next_ = 0;
};

} // namespace aoetarget::net
