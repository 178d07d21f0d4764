// Keeps a link's XDP lane: decides when to try for one, knows when it is open, and from when on its frames
// may be taken.
#pragma once

#include "net/interface_rights.hpp"
#include "net/lane_proof.hpp"
#include "net/link_context.hpp"
#include "net/packet_receiver.hpp"
#include "net/refusal.hpp"
#include "net/xdp_lane.hpp"

#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace aoetarget::net {

class LaneKeeper final : private ring::RegisteredHandler, private XdpLane::Receiver {
  public:
    LaneKeeper(LinkContext& link, LinkMemory& memory, PacketReceiver& receiver);

    /// Returns null if there is none.
    [[nodiscard]] XdpLane* lane() const { return lane_.get(); }
    [[nodiscard]] bool is_open() const { return lane_ != nullptr; }
    /// There is a program, and its lane opens when another link of this process has closed its own.
    [[nodiscard]] bool is_coming() const { return state_ == State::waiting && program_ != nullptr; }
    /// Returns why the last attempt failed.
    [[nodiscard]] const std::optional<Refusal>& refusal() const { return refusal_; }
    [[nodiscard]] std::string description() const;

    /// Tries for a lane at once if the link may have one. Before the loop turns, this waits for it.
    void open();
    /// Closes the lane for good: hands over the frames that may be taken, and sends the answers that wait.
    /// After that the link's memory must be replaced.
    void close();
    /// Does the same before the link gets other memory. The program stays, because this process may have
    /// given up the right to attach another.
    void suspend();
    /// Ends the lane for good, and returns the program for that of another link, or null if there is none.
    [[nodiscard]] std::shared_ptr<XdpProgram> give_up();
    /// Takes over the program that another process has attached, or another link had, for the next lane, or
    /// the reason why that process has attached none.
    void take_over(const InterfaceRights& rights);
    /// Takes note that the link has other options than before, when it was of this kind. Whether there is to
    /// be a lane now, replenish() decides.
    void options_changed(LinkKind before);
    /// Takes note that the link has another interface now.
    void follow(const InterfaceState& before);
    /// Takes note that the exports or the MAC address have changed.
    void update_destinations();
    /// Sets whether frames must have a time of arrival.
    void tell_arrivals(bool wanted);
    /// Takes note that there is no room for other memory now. Until there is, the packet socket serves from
    /// the slots that were not with a lane.
    void lack_memory();

    /// Hands over the frames that have arrived, at the beginning of a turn's work.
    void collect(core::Time now) {
        now_ = now;
        if (lane_ != nullptr && !is_behind())
            receive();
    }
    /// Tries for a lane if that is due, lets an open lane continue, and tells when it has come or gone. It is
    /// called once a turn.
    void replenish();
    /// Takes no more frames. Frames that are being sent are still sent.
    void stop();
    [[nodiscard]] bool quiet() const {
        return RegisteredHandler::quiet() && (lane_ == nullptr || lane_->quiet());
    }

    /// Returns how many slots the lane has for receiving, or how many a lane that is gone took with it.
    [[nodiscard]] std::size_t slots() const {
        return lane_ != nullptr ? lane_->slots() : memory_->with_lane();
    }
    /// Adds the lane's own counters.
    void count(LinkCounters& counters) const;

  private:
    enum class State {
        none,    ///< A lane is not possible, or not wanted.
        waiting, ///< It cannot be had for a moment, and the next attempt comes soon.
        due,     ///< The next replenish() tries for it.
        lacking, ///< It is due, but there is no memory for it.
        behind,  ///< It is open, but frames in the socket are older: see is_behind().
        open,
    };

    enum Argument : std::uint64_t { attempt, used, proof };

    void on_completion(std::uint64_t argument, int result, std::uint32_t flags) override;
    void lane_received(core::FrameSlot slot) override;
    void try_for(const Patience& patience);
    void await_program();
    void check_interface() const;
    void refused(const Refusal& refusal);
    void end();
    void wait();
    void watch();
    void look_later();
    void check_proof();
    void end_watch();
    /// What is said of a lane that is gone is told apart.
    [[nodiscard]] std::uint64_t of_this_lane(Argument argument) const {
        return argument + (lanes_ << argument_bits);
    }
    void tell_changes();
    void set_destinations();
    void receive();
    [[nodiscard]] bool is_behind() const {
        return state_ == State::behind && link_.counters.rx_frames < behind_until_ &&
               (link_.socket.has_frames() || link_.ring.has_completions());
    }

    static constexpr unsigned argument_bits = 2;

    LinkContext& link_;
    LinkMemory& memory_;
    PacketReceiver& receiver_;
    State state_ = State::none;
    std::shared_ptr<XdpProgram> program_; ///< Of the present lane, or for the next one.
    std::unique_ptr<XdpLane> lane_;       ///< Set in the states behind and open.
    std::optional<Refusal> refusal_;
    std::optional<Refusal> foreign_refusal_; ///< Of the process that has tried for a program.
    bool is_program_of_link_ = false;        ///< Another link of this process had it.
    unsigned attempts_left_ = 0;             ///< Attempts left while it cannot be had.
    LaneProof proof_;
    std::uint64_t lanes_ = 0;        ///< That there have been.
    int failed_index_ = 0;           ///< Of the interface whose lane did not prove itself.
    bool was_open_ = false;          ///< As people know it.
    std::uint64_t behind_until_ = 0; ///< Counted in frames of the socket.
    core::Time now_{};               ///< The time of this turn.
    core::Time emptied_{};           ///< When the lane was last empty.
};

} // namespace aoetarget::net
