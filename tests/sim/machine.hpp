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

/// An interface: frames wait in its socket until the loop takes them; answers take a moment to leave.
class Port final : public aoetarget::core::Link {
  public:
    struct Waiting {
        Frame frame;
        Time arrival;
        WriteId write; ///< That it asks for, or 0.
    };

    Port(unsigned number, const Mac& mac, unsigned mtu, std::uint32_t slots, std::size_t alignment,
         std::function<void()> something_to_send);
    /// A world that has found a failure ends with answers on their way out; their slots are the pool's.
    ~Port() { outbox.clear(); }

    [[nodiscard]] aoetarget::MacAddress mac() const override { return aoetest::to_mac(address); }
    [[nodiscard]] unsigned mtu() const override { return mtu_now; }
    [[nodiscard]] bool up() const override { return up_now; }
    [[nodiscard]] unsigned max_buffers() const override { return 64; }
    [[nodiscard]] aoetarget::core::FramePool& pool() override { return pool_; }
    void send(aoetarget::core::FrameSlot slot) override;

    /// The oldest frame of the socket in a slot; only where has_work().
    aoetarget::core::FrameSlot receive();
    /// Whether there are both a frame and a slot, and the port is served.
    [[nodiscard]] bool has_work(Time now) const {
        return !socket.empty() && now >= stalled_until && pool_.free_slots() > 0;
    }
    [[nodiscard]] bool all_slots_free() const { return pool_.free_slots() == pool_.slots(); }

    const unsigned number; ///< Of the cable, which outlives the port.
    const Mac address;
    unsigned mtu_now;
    bool up_now = true;
    Time stalled_until{};
    std::deque<Waiting> socket;
    std::size_t socket_frames = 64; ///< What fits.
    std::vector<aoetarget::core::FrameSlot> outbox;
    aoetarget::core::LinkId id = 0;
    bool removed = false;

  private:
    aoetarget::core::FramePool::Layout layout_;
    aoetest::AlignedMemory memory_;
    aoetarget::core::FramePool pool_;
    std::function<void()> something_to_send_;
};

class Machine final : private aoetarget::core::StateStore {
  public:
    struct Setting {
        unsigned ports = 2;
        std::uint32_t slots = 64;
        unsigned buffer_count = 128;
        std::size_t socket_frames = 64;
        std::size_t bounce_buffers = 2;
        std::size_t ahead_pieces = 0;
        std::uint64_t piece_sectors = 8;
        std::size_t alignment = 512;
        unsigned batch = 32; ///< Frames of one port per turn.
        std::vector<unsigned> mtus;
        double delayed_turns = 0;
        bool keeps_state = false; ///< What initiators change outlives the target.
        double save_errors = 0;
    };
    class Observer {
      public:
        /// The target takes a frame from one of its sockets.
        virtual void taken(const Port::Waiting& waiting) = 0;
        /// A frame leaves the target.
        virtual void left_target(const Port& port, const Frame& frame) = 0;

      protected:
        ~Observer() = default;
    };

    Machine(const Setting& setting, Schedule& schedule, Random random, FaultCounts& faults,
            Observer& observer);
    ~Machine();

    void add_export(const aoetarget::Address& address, Disk& disk);
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
    void heal() { setting_.delayed_turns = setting_.save_errors = 0; }

    /// Ends in order; turn until is_closed().
    void close() {
        core_->close();
        wake();
    }
    [[nodiscard]] bool is_closed() const { return core_->idle(); }
    [[nodiscard]] std::vector<aoetarget::ExportStats> stats() const {
        return core_ != nullptr ? core_->export_stats() : std::vector<aoetarget::ExportStats>{};
    }
    /// Empty, or what is left that should not be, when nothing is under way.
    [[nodiscard]] std::string leftovers() const;

  private:
    void save(const aoetarget::Address& address, const aoetarget::core::ProtocolState& state,
              aoetarget::core::StateSaver& saver) override;
    void maybe_end();
    void turn_off();
    void turn();
    void transmit_all();
    void add_port(unsigned number);

    Setting setting_;
    Schedule& schedule_;
    Random random_;
    FaultCounts& faults_;
    Observer& observer_;
    std::vector<std::pair<aoetarget::Address, Disk*>> exports_;
    aoetest::AlignedMemory bounce_, ahead_;
    std::vector<std::unique_ptr<Port>> ports_;
    std::vector<std::unique_ptr<Port>> removed_;  ///< With requests of theirs still under way, perhaps.
    std::unique_ptr<aoetarget::core::Core> core_; ///< Null while the power is off.
    std::uint64_t boots_ = 0;
    std::map<aoetarget::Address, aoetarget::core::ProtocolState> saved_, saving_;
    std::function<void()> stopped_; ///< Set while the target is about to end.
    bool turn_scheduled_ = false;
    bool sending_scheduled_ = false;
};

} // namespace aoesim
