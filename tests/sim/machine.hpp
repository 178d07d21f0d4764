// The machine that runs the target: the real core, its links with their receive sockets, and the loop that
// drives them as lib/target.cpp does.
#pragma once

#include "core/core.hpp"
#include "disk.hpp"
#include "unit/fake_link.hpp"

#include <deque>
#include <functional>
#include <map>

namespace aoesim {

using Frame = aoetest::Bytes;
using aoetest::Mac;

/// An interface: frames wait in its socket, and in its lane if it has one, until the loop takes them; answers
/// take a moment to leave. Both receive only into slots that were lent to the kernel for that.
class Port final : public aoetarget::core::Link {
  public:
    struct Waiting {
        Frame frame;
        Time arrival;
        WriteId write; ///< That it asks for, or 0.
    };
    /// A way in.
    struct Queue {
        std::deque<Waiting> frames;
        std::vector<aoetarget::core::FrameSlot> lent;
        std::size_t most_lent = 0; ///< 0: there is none such.
    };
    /// How many slots are lent.
    struct Lent {
        std::uint32_t lane = 0; ///< 0: everything comes through the socket.
        std::uint32_t socket = 1;
    };

    Port(unsigned number, const Mac& mac, unsigned mtu, std::uint32_t slots, const Lent& lent,
         std::size_t alignment, std::function<void()> something_to_send);

    [[nodiscard]] const std::string& name() const override { return name_; }
    [[nodiscard]] std::vector<std::string> names() const override { return {name_}; }
    [[nodiscard]] aoetarget::MacAddress mac() const override { return aoetest::to_mac(address); }
    [[nodiscard]] unsigned mtu() const override { return mtu_now; }
    [[nodiscard]] bool up() const override { return up_now; }
    [[nodiscard]] unsigned max_buffers() const override { return 64; }
    [[nodiscard]] aoetarget::core::FramePool& pool() override { return pool_; }
    void send(aoetarget::core::FrameSlot slot) override;

    void advertise_sectors(unsigned most) { max_sectors_ = most; }

    /// The oldest frame of one of the queues in a slot; only where has_work().
    aoetarget::core::FrameSlot receive(Queue& queue);
    /// Lends free slots to the kernel, as PacketLink::replenish() does.
    void replenish();
    /// Nothing waits any more and nothing is lent.
    void retire();
    /// The queue through which a frame arrives: a lane leaves what is not sent to its interface alone.
    [[nodiscard]] Queue& queue_for(const Frame& frame);
    /// Whether there are both a frame and a slot, and the port is served.
    [[nodiscard]] bool has_work(const Queue& queue, Time now) const {
        return !queue.frames.empty() && now >= stalled_until && !queue.lent.empty();
    }
    [[nodiscard]] bool has_work(Time now) const { return has_work(socket, now) || has_work(lane, now); }
    [[nodiscard]] std::size_t waiting_frames() const { return socket.frames.size() + lane.frames.size(); }
    [[nodiscard]] bool is_full() const {
        return socket.frames.size() >= queue_frames || lane.frames.size() >= queue_frames;
    }
    [[nodiscard]] std::size_t slots() const { return pool_.slots(); }
    [[nodiscard]] std::size_t free_slots() const { return pool_.free_slots(); }
    [[nodiscard]] std::size_t lent_slots() const { return socket.lent.size() + lane.lent.size(); }
    [[nodiscard]] bool all_slots_free() const { return pool_.free_slots() + lent_slots() == pool_.slots(); }

    const unsigned number; ///< Of the cable, which outlives the port.
    const Mac address;
    unsigned mtu_now;
    bool up_now = true;
    Time stalled_until{};
    std::size_t queue_frames = 64; ///< What fits into each of its queues.
    aoetarget::core::LinkId id = 0;
    bool removed = false;

  private:
    const std::string name_;
    aoetarget::core::FramePool::Layout layout_;
    aoetest::AlignedMemory memory_;
    aoetarget::core::FramePool pool_;
    std::function<void()> something_to_send_;

  public: // last, because their slots go back to the pool
    Queue socket, lane;
    std::vector<aoetarget::core::FrameSlot> outbox;
};

class Machine final : private aoetarget::core::StateStore {
  public:
    struct Setting {
        unsigned ports = 2;
        std::uint32_t slots = 64;
        std::vector<Port::Lent> lent; ///< Of each port.
        unsigned buffer_count = 128;
        std::size_t queue_frames = 64;
        std::size_t bounce_buffers = 2;
        std::size_t ahead_pieces = 0;
        std::uint64_t piece_sectors = 8;
        std::size_t alignment = 512;
        unsigned batch = 32; ///< Frames of one port per turn.
        std::vector<unsigned> mtus;
        double delayed_turns = 0;
        bool keeps_state = false; ///< What initiators change outlives the target.
        double save_errors = 0;
        std::size_t exports = 1; ///< As many as there will be.
    };
    /// Of the kernel, if nothing is asked for.
    static constexpr unsigned usual_workers = 8;

    class Observer {
      public:
        /// The target takes a frame from one of its sockets.
        virtual void taken(const Port& port, const Port::Waiting& waiting) = 0;
        /// A frame leaves the target.
        virtual void left_target(const Port& port, const Frame& frame) = 0;

      protected:
        ~Observer() = default;
    };

    Machine(const Setting& setting, Schedule& schedule, Random random, FaultCounts& faults,
            Observer& observer);
    ~Machine();

    void add_export(const aoetarget::ExportOptions& options, Disk& disk);
    /// A frame arrives at the port with this number. Returns whether it got into the socket.
    bool arrive(unsigned port, const Frame& frame, WriteId write);
    /// Something has happened that the loop has to look at.
    void wake();

    void power_cut();
    void boot();
    /// Ends in order. `stopped` is called when nothing is under way any more; then the target is gone.
    void stop(std::function<void()> stopped);
    [[nodiscard]] bool is_stopping() const { return stopped_ != nullptr; }
    [[nodiscard]] bool is_running() const { return core_ != nullptr; }

    [[nodiscard]] Port& port(unsigned number) { return *ports_[number]; }
    [[nodiscard]] unsigned ports() const { return static_cast<unsigned>(ports_.size()); }
    void set_link_up(unsigned port, bool up);
    void set_mtu(unsigned port, unsigned mtu);
    void replace_link(unsigned port);
    /// Other options, but for advertisements at once.
    struct LinkOptions {
        unsigned buffer_count = 0, sectors_per_frame = 0;
    };
    void change_link(unsigned port, const LinkOptions& options);
    [[nodiscard]] const aoetarget::ExportOptions& options(std::size_t number) const {
        return exports_[number].first;
    }
    /// Also those of an export that comes only when the power is on again.
    void change_export(std::size_t number, const aoetarget::ExportOptions& options);
    /// The target looks how large the disk is, and returns what it tells initiators.
    std::uint64_t resize(std::size_t number);
    /// The export gets another device of its disk, with other blocks where these may be others.
    void replace_device(std::size_t number);
    /// From now on no state is saved; thaw_state(): everything is that should have been.
    void freeze_state();
    void thaw_state();
    void heal() {
        setting_.delayed_turns = setting_.save_errors = 0;
        thaw_state();
    }
    [[nodiscard]] Workers& workers() { return workers_; }
    /// Who holds the slots and the workers, in words.
    [[nodiscard]] std::string holdings() const;

    /// Ends in order; turn until is_closed().
    void close() {
        core_->close();
        wake();
    }
    [[nodiscard]] bool is_closed() const { return core_->idle(); }
    [[nodiscard]] std::vector<aoetarget::ExportStats> stats() const {
        return core_ != nullptr ? core_->export_stats(schedule_.now())
                                : std::vector<aoetarget::ExportStats>{};
    }
    /// Empty, or what is left that should not be, when nothing is under way.
    [[nodiscard]] std::string leftovers() const;

  private:
    void save(const aoetarget::Address& address, const aoetarget::core::ProtocolState& state,
              aoetarget::core::StateSaver& saver) override;
    struct Save {
        aoetarget::Address address;
        aoetarget::core::StateSaver* saver;
        std::uint64_t boot;
    };
    void end_save(const Save& save);
    void maybe_end();
    void turn_off();
    void turn();
    void set_alarm();
    void transmit_all();
    void add_port(unsigned number);

    Setting setting_;
    Schedule& schedule_;
    Random random_;
    FaultCounts& faults_;
    Observer& observer_;
    std::vector<std::pair<aoetarget::ExportOptions, Disk*>> exports_;
    aoetest::AlignedMemory bounce_, ahead_;
    std::vector<std::unique_ptr<Port>> ports_;
    std::vector<std::unique_ptr<Port>> removed_;  ///< With requests of theirs still under way, perhaps.
    std::unique_ptr<aoetarget::core::Core> core_; ///< Null while the power is off.
    std::uint64_t boots_ = 0;
    std::map<aoetarget::Address, aoetarget::core::ProtocolState> saved_, saving_;
    std::vector<Save> held_saves_; ///< Would have ended if the directory were not frozen.
    bool state_frozen_ = false;
    Workers workers_;
    std::function<void()> stopped_; ///< Set while the target is about to end.
    Time last_alarm_{};             ///< The latest moment at which the loop is to turn whatever happens.
    bool turn_scheduled_ = false;
    bool sending_scheduled_ = false;
};

} // namespace aoesim
