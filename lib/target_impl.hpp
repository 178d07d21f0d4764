// The inside of a target: one ring, its links, the core and the devices.
#pragma once

#include <aoetarget/target.hpp>

#include "calls.hpp"
#include "core/core.hpp"
#include "device_calls.hpp"
#include "link_set.hpp"
#include "net/interface_monitor.hpp"
#include "ring/mapping.hpp"
#include "ring/timer.hpp"
#include "ring/wakeup.hpp"
#include "storage/disk_watch.hpp"
#include "storage/path_watch.hpp"
#include "storage/state_directory.hpp"

#include <fmt/format.h>

#include <atomic>

namespace aoetarget {

class Target::Impl final : public net::LinkEvents, public IoQueue::Waker {
  public:
    explicit Impl(const TargetOptions& options);
    ~Impl();

    /// Ends what is under way. Call it once, before the destructor. Returns false if a device has not given
    /// back all its operations in time: then this object must not be destroyed.
    bool end();
    /// Keeps it for good.
    static void keep(std::unique_ptr<Impl> target);

    void add_interface(const std::string& name, const InterfaceOptions& options,
                       std::unique_ptr<PreparedInterface> prepared);
    bool change_interface(const std::string& name, const InterfaceOptions& options,
                          std::unique_ptr<PreparedInterface> prepared, const std::string& what);
    bool rename_interface(const std::string& name, const std::string& new_name);
    void remove_interface(const std::string& name);
    std::vector<std::string> add_export(ExportOptions options, std::unique_ptr<BlockDevice> device);
    bool change_export(const ExportOptions& options);
    bool replace_device(const Address& address, std::unique_ptr<BlockDevice> device, const std::string& what);
    [[nodiscard]] std::optional<std::uint64_t> export_sectors(const Address& address) const;
    [[nodiscard]] std::optional<std::uint64_t> device_sectors(const Address& address) const;
    std::uint64_t resize_export(const Address& address);
    [[nodiscard]] bool shares_foreign_lock(const Address& address, const BlockDevice& device) const;
    bool remove_export(const Address& address, std::function<void()> gone, const std::string& why = {});
    /// Those of the host.
    [[nodiscard]] Calls& calls() { return calls_; }
    void run();
    bool poll();
    void stop() noexcept {
        stop_requests_.fetch_add(1);
        wakeup_.wake();
    }
    [[nodiscard]] int fd() { return ring_.fd(); }
    [[nodiscard]] Stats stats() const;
    [[nodiscard]] std::string features() const {
        return fmt::format("io_uring: {}", ring_.features()); // InterfaceStats has the links
    }

  private:
    enum class Phase { running, stopping, stopped };

    bool received(core::LinkId link, core::FrameSlot slot) override {
        core_.tell_time(ring_.woke_at());
        return core_.receive(link, std::move(slot));
    }
    void undeliverable(core::LinkId link, core::FrameSlot slot) override {
        core_.undeliverable(link, std::move(slot));
    }
    void changed(core::LinkId link) override { core_.link_changed(link); }
    [[nodiscard]] bool is_served(int interface_index) const override {
        return links_.serves(interface_index);
    }
    [[nodiscard]] bool is_served_elsewhere(core::LinkId link, int interface_index) const override {
        return links_.is_served_elsewhere(link, interface_index);
    }
    void wake() noexcept override { wakeup_.wake(); }

    void refuse_if_stopping(const std::string& what) const;
    void take_in(const Address& address, BlockDevice& device, const Geometry& geometry);
    /// A turn that is under way sees what was prepared at its end.
    void need_turn();
    void begin_turn();
    /// Does the rest of a turn after its completions.
    void finish_turn();
    void advance_phase(core::Time time);
    void wind_down();
    void give_up_devices();
    [[nodiscard]] bool quiet() const;
    void addresses_changed();

    const std::optional<std::chrono::milliseconds> device_patience_;
    std::optional<core::Time> give_up_at_; ///< Set while the target ends.
    const std::string machine_;            ///< Its id, read before the process gives up its rights.
    ring::Ring ring_;
    // Waits for a device and waits for the network take different times.
    ring::BusyPoll awaits_devices_;
    ring::BusyPoll awaits_frames_;
    ring::Mapping bounce_memory_;
    ring::Mapping ahead_memory_;
    ring::Wakeup wakeup_;
    ring::Timer timer_;
    net::FrameMemories memories_;
    net::ArrivalClock arrival_clock_;
    std::unique_ptr<storage::StateDirectory> states_; ///< Null without a state directory.
    core::EventLog events_;
    storage::PathWatch paths_;
    storage::DiskWatch disks_;
    core::Core core_;
    net::NetfilterMonitor netfilter_;
    LinkSet links_;
    net::InterfaceMonitor monitor_;
    Calls calls_;
    Calls device_calls_;
    DeviceCalls device_host_;
    std::atomic<int> stop_requests_{0};
    Phase phase_ = Phase::running;
    bool has_begun_ = false;                  ///< True from the first turn on.
    bool in_turn_ = false;                    ///< What is prepared now, the end of the turn sees.
    std::optional<core::Time> tell_waits_at_; ///< Set while the target stops and has not told why it waits.
};

} // namespace aoetarget
