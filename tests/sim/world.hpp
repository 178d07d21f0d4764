// A whole world from one seed: a machine with the target, disks, cables, initiators, and all faults between
// them.
//
// The fault model:
// - Cables lose, repeat, delay, cut short and spoil requests, and lose, repeat and delay answers. A spoiled
//   request never names other sectors: a checksum sees to that, and no target could tell. Whether copies of
//   a request may turn up long after it was repeated depends on whether a target could tell them (H1): from
//   hosts that repeat with the same tag always; from Linux where the host has one address and its sectors
//   for itself. What waits in a socket of the target may wait for any time: its arrival is known.
// - Initiators trim what they and others read and write at that moment, also beyond the end: on disks that
//   discard, on disks that take it for advice, block by block, and on disks that cannot.
// - Interfaces stop being served for a while, go down, are replaced, and change their MTU. The loop pauses.
// - Disks complete in any order, some late, fail, run out of space or resources, vanish and return. A failed
//   write has changed any of its blocks. Errors are answered or not, and some requests given up as too late.
// - Exports get another device of their disk, with other blocks and alignments.
// - In some worlds an operator changes what runs: whom exports allow, on which interfaces they are served,
// how
//   errors and time are taken, how large disks are, and the options of interfaces (world_operator.cpp).
// - Power cuts end the target, what is in its sockets and on the cables, and any part of what is not stable.
// - Restarts end the target in order: what was admitted is finished and flushed. What is on the cables is
//   lost then, as in a power cut, for a new target knows nothing of what was written before (H1).
// - What initiators change of an export is saved, which takes a while and may fail, or is not kept at all.
// - Managers shut hosts out and let them in again.
// - Somebody floods: asks for all that there is, far more than the disks can do, and never listens.
// - Frames are received only into slots that were lent to the kernel: by the socket, and on some interfaces
// by
//   a lane as well, which takes what is sent to the interface itself.
// - Some hosts use one tag for everything, write the same data again, or write data that differs only where a
//   target may not look, or that its history of writes finds hard to tell apart.
//
// Three worlds of ten are of another kind (world_hanging.cpp): some devices hang, for good or for a while,
// file systems block the kernel's workers, of which there are few, and the directory of states freezes. Any
// number of hosts goes on asking for these exports. All else goes well: nothing stalls, is replaced, or ends,
// and of the hosts of the other exports the network loses nothing. These have a modest window, and each of
// their requests must be answered within 100 ms, to its first transmission: reads, writes, stable ones too,
// of parts of blocks too, flushes, trims, verifies, and config strings, unless the directory is frozen. In
// the end the power is cut, the target is told to end, or all goes on; then everything thaws.
//
// In the end all faults stop, but for the flood. Then everything that was asked must be answered within
// bounded time, nothing may be left over, and the disk must hold what was promised.
#pragma once

#include "host.hpp"
#include "machine.hpp"
#include "manager.hpp"

#include <memory>
#include <set>

namespace aoesim {

/// Who asks all exports at once, and who asks for all that there is.
inline const Mac query_mac = aoetest::numbered_mac(0x2000), greedy_mac = aoetest::numbered_mac(0x4000);

struct Result {
    std::string violation; ///< Empty: all promises were kept.
    std::uint64_t requests = 0;
    std::uint64_t prompt_answers = 0; ///< Of those that had to come in time.
    std::uint64_t digest = 0;         ///< Of everything that the target has sent, and when.
    FaultCounts faults;
    // As the target counts them.
    std::uint64_t duplicates = 0, ordered = 0, patched = 0, stale = 0, read_ahead = 0, discards = 0;
};

class World final : public Network, public Machine::Observer, public Disk::Observer {
  public:
    World(std::uint64_t seed, std::uint64_t requests, bool tracing);
    ~World();

    Result run();

  private:
    /// How the cables are.
    struct Weather {
        double lost = 0, duplicated = 0, late = 0, truncated = 0, corrupted = 0;
        Time jitter = microseconds(50);
    };
    /// Whom one of the lists of an export shuts out, as the target has confirmed it; by the number of the
    /// host.
    struct Exclusion {
        std::vector<bool> now;
        std::vector<Time> since; ///< When the host was last shut out.

        std::uint32_t newest_command = 0; ///< That has reached the target: by its tag.

        void may_let_in_all(std::uint32_t command) {
            now.assign(now.size(), false);
            newest_command = std::max(newest_command, command);
        }
        void forget(std::size_t hosts) {
            now.assign(hosts + 1, false);
            since.assign(hosts + 1, Time::min());
        }
    };
    /// Whom the operator lets in, from a time on.
    struct Policy {
        Time since = Time::min();
        std::vector<aoetarget::MacPattern> allow{};
        std::vector<std::string> interfaces{};

        [[nodiscard]] bool serves(unsigned port) const;
        [[nodiscard]] bool admits(const Mac& mac) const;
    };
    struct Export {
        std::unique_ptr<Disk> disk;
        std::unique_ptr<Volume> volume;
        std::unique_ptr<Manager> manager;
        Exclusion reserve, mask;
        bool troubled = false;             ///< Its disk hangs some time or other.
        std::vector<Time> arrived{Time{}}; ///< By write: of the copies that the target has taken, the newest.
        std::vector<Policy> policies{};    ///< All that there were, ascending by time.
        /// Writes of which a copy was taken whose host was let in, and had not been shut out since it
        /// arrived.
        std::vector<bool> lawful{};
        std::set<std::pair<Mac, std::uint32_t>> answerable{}; ///< Sources and tags of what was let in.
    };

    // An ordinary world (world_setup.cpp)
    void make_weather();
    void make_exports();
    void make_hosts();
    [[nodiscard]] aoetarget::Geometry random_geometry();
    /// How errors and time are taken: `options` without an address.
    void add_export(const Disk::Setting& setting, const aoetarget::ExportOptions& options);
    [[nodiscard]] aoetarget::ExportOptions random_patience();
    void add_host(const Host::Setting& setting, Export& exported);

    // One in which devices hang for good (world_hanging.cpp)
    void make_hanging_world();
    void make_hanging_machine();
    void make_hanging_exports();
    [[nodiscard]] std::uint64_t modest_window() const;
    void make_healthy_hosts();
    void make_troubled_hosts();
    void make_config_setters();
    void make_trouble();
    void hang(Disk& disk, Time from, Time until);
    void end_hanging_world();

    // Network
    void send(unsigned port, const Frame& frame, Care care, WriteId write) override;
    [[nodiscard]] unsigned mtu(unsigned port) const override;
    [[nodiscard]] Mac port_mac(unsigned port) const override { return aoetest::numbered_mac(0x1000 + port); }
    bool take_request(unsigned host) override;
    void unanswered(const std::string& what) override { fail(what + "; " + machine_->holdings()); }
    void answered_in_time() override { ++result_.prompt_answers; }
    void trace(const std::string& what) override;
    void fail(const std::string& what) override;
    void deliver(unsigned port, Frame frame, WriteId write, Time delay);
    void spoil(Frame& frame);
    void hand_over(const Frame& frame, Time delay);
    void check_frame(const Port& port, const aoetest::Reply& reply);
    void note_command(const aoetest::Reply& request);
    void note_answer(const aoetest::Reply& reply);
    [[nodiscard]] Export* find(const aoetarget::Address& address);
    [[nodiscard]] bool is_fair_to(const Mac& mac) const;

    // Machine::Observer
    void taken(const Port& port, const Port::Waiting& waiting) override;
    void left_target(const Port& port, const Frame& frame) override;

    // Disk::Observer
    void disk_completed() override { machine_->wake(); }
    void landing(const Disk& disk, const SectorRange& range, const std::uint8_t* bytes) override;

    // What goes wrong
    void next_fault();
    void cut_power();
    void restart();
    void stopped(const std::vector<std::uint64_t>& errors_before);
    void target_ended();
    [[nodiscard]] std::vector<std::uint64_t> flush_errors() const;
    void query();
    void flood();
    void heal();

    // What the operator changes (world_operator.cpp)
    void operate();
    void change_access(std::size_t number);
    void grow(std::size_t number);
    void note_growth();
    void change_interface();
    void let_everybody_in();
    void note_taken(Export& exported, const Port& port, const Port::Waiting& waiting) const;
    void check_is_let_in(const Port& port, const aoetest::Reply& reply);

    // How it ends
    void step_until(Time limit, const std::function<bool()>& done);
    void expect_answers();
    void expect_nothing_left();
    void note_counters();

    Schedule schedule_;
    Random random_;
    std::uint64_t requests_left_;
    std::uint64_t requests_for_troubled_ = 0; ///< Besides, of hosts whose answers need not come in time.
    bool tracing_;
    bool hanging_ = false; ///< Devices hang for good, and all else goes well.
    Time length_{};        ///< How long such a world lasts, about.
    bool freezes_state_ = false;
    bool healed_ = false;
    Weather weather_;
    Machine::Setting machine_setting_;
    std::unique_ptr<Machine> machine_;
    std::vector<Export> exports_;
    std::vector<std::unique_ptr<Host>> hosts_;
    std::uint64_t cables_epoch_ = 0; ///< What was sent before a power cut does not arrive after it.
    Time between_faults_{};
    double power_cuts_ = 0, restarts_ = 0;
    Random operator_; ///< A stream of its own, so that worlds without an operator stay as they are.
    bool operates_ = false;
    double crowds_ = 0;     ///< Of those who look for targets.
    Time between_floods_{}; ///< Zero: nobody floods.
    bool flooding_ = true;
    std::uint32_t flood_tag_ = 0x60000000;
    static constexpr std::uint32_t last_flood_tag = 0x60000000 + 50'000;
    std::uint32_t query_tag_ = 0x50000000;
    std::vector<std::uint32_t> queries_answered_;
    Result result_;
};

} // namespace aoesim
