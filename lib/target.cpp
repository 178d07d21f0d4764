// Assembly: one ring, its links, the core and the devices; and the loop that drives them.
#include <aoetarget/target.hpp>

#include "checks.hpp"
#include "core/core.hpp"
#include "net/interface_monitor.hpp"
#include "net/packet_link.hpp"
#include "protocol/identify.hpp"
#include "ring/mapping.hpp"
#include "ring/timer.hpp"
#include "ring/wakeup.hpp"
#include "ring/watch.hpp"
#include "storage/ring_device.hpp"
#include "storage/state_directory.hpp"

#include <fmt/format.h>

#include <atomic>
#include <fstream>
#include <random>
#include <system_error>
#include <thread>

namespace aoetarget {
namespace {

using namespace std::chrono_literals;

// Enough for every slot of several interfaces at once; more than that waits in the kernel and is not lost.
constexpr unsigned completion_entries = 16384;
constexpr std::size_t bounce_buffers = 16; // besides one for each export
constexpr std::size_t ahead_pieces = 16;
constexpr std::uint64_t ahead_piece_sectors = 256;
// Turns that one poll() may take before the host's own loop has its turn again.
constexpr int turns_per_poll = 16;
// Answers to a merged write bring requests that merge again, so they leave together. A turn in which more
// operations end than a run has parts is taken for random access.
constexpr std::size_t merged_parts = 2;
constexpr std::uint16_t firmware_version = AOETARGET_VERSION_MAJOR << 8 | AOETARGET_VERSION_MINOR;

core::Time now() {
    return std::chrono::steady_clock::now().time_since_epoch();
}

/// What nobody on the network can guess.
std::uint64_t random_seed() {
    std::random_device random;
    return std::uint64_t{random()} << 32 | random();
}

/// The same for the same volume on the same machine, and another for every other.
std::string default_serial(const Address& address, const BlockDevice& device) {
    std::string machine;
    std::getline(std::ifstream("/etc/machine-id") >> std::ws, machine);
    const std::string source = fmt::format("{}\n{}\n{}", machine, device.identity(), to_string(address));
    return fmt::format("{:016X}", protocol::fnv1a(source));
}

} // namespace

const char* version() noexcept {
    return AOETARGET_VERSION;
}

class Target::Impl final : public net::LinkEvents, public IoQueue::Waker {
  public:
    explicit Impl(const TargetOptions& options);
    ~Impl();

    void add_interface(const std::string& name, const InterfaceOptions& options);
    void remove_interface(const std::string& name);
    std::vector<std::string> add_export(ExportOptions options, std::unique_ptr<BlockDevice> device);
    bool remove_export(const Address& address);
    void watch(int fd, std::function<void()> ready);
    void run();
    bool poll();
    void stop() noexcept {
        stop_requests_.fetch_add(1);
        wakeup_.wake();
    }
    [[nodiscard]] int fd() { return ring_.fd(); }
    [[nodiscard]] Stats stats() const;
    [[nodiscard]] std::string features() const {
        return fmt::format("io_uring: {}", ring_.features()); // links tell of themselves: InterfaceStats
    }

  private:
    enum class Phase { running, stopping, stopped };

    bool received(core::LinkId link, core::FrameSlot slot) override {
        return core_.receive(link, std::move(slot));
    }
    void undeliverable(core::LinkId link, core::FrameSlot slot) override {
        core_.undeliverable(link, std::move(slot));
    }
    void changed(core::LinkId link) override { core_.link_changed(link); }
    void wake() noexcept override { wakeup_.wake(); }

    void refuse_if_stopping(const std::string& what) const;
    /// What follows the completions of a turn.
    void finish_turn();
    void advance_phase();
    void stop_receiving();
    void wind_down();
    [[nodiscard]] bool links_quiet() const;
    [[nodiscard]] bool quiet() const;
    void addresses_changed();
    void links_changed();
    void interfaces_changed();

    ring::Ring ring_;
    // What comes next takes another time when it comes from a device than when it comes from a network.
    ring::BusyPoll awaits_devices_;
    ring::BusyPoll awaits_frames_;
    ring::Mapping bounce_memory_;
    ring::Mapping ahead_memory_;
    ring::Wakeup wakeup_;
    ring::Timer timer_;
    net::FrameMemories memories_;
    net::ArrivalClock arrival_clock_;
    std::unique_ptr<storage::StateDirectory> states_; ///< Null: nothing is kept.
    core::Core core_;
    net::InterfaceMonitor monitor_;
    std::vector<std::unique_ptr<net::PacketLink>> links_;
    std::vector<std::unique_ptr<net::PacketLink>>
        closing_links_; ///< Removed, with answers still on their way.
    std::vector<std::unique_ptr<ring::Watch>> watches_;
    std::atomic<int> stop_requests_{0};
    Phase phase_ = Phase::running;
};

static_assert(std::atomic<int>::is_always_lock_free, "stop() is called from signal handlers");

Target::Impl::Impl(const TargetOptions& options)
    : ring_(completion_entries), awaits_devices_(options.busy_poll), awaits_frames_(options.busy_poll),
      bounce_memory_(bounce_buffers * core::BouncePool::buffer_bytes),
      ahead_memory_(ahead_pieces * ahead_piece_sectors * sector_bytes), wakeup_(ring_), timer_(ring_),
      memories_(ring_),
      states_(options.state_directory.empty()
                  ? nullptr
                  : std::make_unique<storage::StateDirectory>(ring_, options.state_directory)),
      core_({options.buffer_count, firmware_version, AOETARGET_VERSION, bounce_memory_.bytes(),
             ahead_memory_.bytes(), ahead_piece_sectors, states_.get(), random_seed()}),
      monitor_(ring_, [this] { interfaces_changed(); }) {
    check(options);
    core_.completions().set_waker(this);
}

/// The kernel may be writing into our memory until the last operation has completed.
Target::Impl::~Impl() {
    stop_requests_.fetch_add(1); // from here on nothing is added
    try {
        core_.close();
        stop_receiving();
        for (const auto& watch : watches_)
            watch->stop(); // nobody is called any more
        // Devices may complete from other threads, so the wakeup is needed as long as they are busy.
        for (finish_turn(); !core_.idle() || !links_quiet(); finish_turn())
            ring_.wait();
        wind_down();
        while (core_.completions().has_callers())
            std::this_thread::yield();   // a few instructions of another thread
    } catch (const std::system_error&) { // the ring has failed: there is nothing left to wait for
    }
    core_.clear(); // while the rest is whole, for devices may call the target as they go
}

/// Ends what only waits, which takes no time. After an orderly stop nothing is under way any more, so that
/// the target may then be destroyed on another thread.
void Target::Impl::wind_down() {
    if (!core_.idle() || !links_quiet())
        return; // stopped without waiting for the devices, or for what is being sent
    monitor_.stop();
    wakeup_.stop();
    for (const auto& watch : watches_)
        watch->stop();
    for (; !quiet(); finish_turn())
        ring_.wait();
}

bool Target::Impl::links_quiet() const {
    const auto is_quiet = [](const auto& link) { return link->quiet(); };
    return std::ranges::all_of(links_, is_quiet) && std::ranges::all_of(closing_links_, is_quiet);
}

bool Target::Impl::quiet() const {
    return monitor_.quiet() && wakeup_.quiet() &&
           std::ranges::all_of(watches_, [](const auto& watch) { return watch->quiet(); });
}

/// The phase would not do: stop() may have been called since the last turn.
void Target::Impl::refuse_if_stopping(const std::string& what) const {
    if (stop_requests_.load() > 0)
        refuse(ECANCELED, fmt::format("{}: the target is stopping and takes nothing in any more", what));
}

void Target::Impl::add_interface(const std::string& name, const InterfaceOptions& options) {
    refuse_if_stopping("interface " + name);
    if (std::ranges::any_of(links_, [&](const auto& link) { return link->name() == name; }))
        refuse(EEXIST, fmt::format("interface {}: it is already in use by this target", name));
    check(name, options);
    auto link = std::make_unique<net::PacketLink>(name, options, ring_, memories_, arrival_clock_, *this,
                                                  core_.visible_addresses());
    link->set_id(core_.add_link(*link, link->pool().slots()));
    links_.push_back(std::move(link));
    links_changed();
    links_.back()->replenish();
    wakeup_.wake(); // a host that sleeps on fd() has to give it a turn
}

void Target::Impl::remove_interface(const std::string& name) {
    const auto found = std::ranges::find_if(links_, [&](const auto& link) { return link->name() == name; });
    if (found == links_.end())
        return;
    core_.remove_link((*found)->id());
    (*found)->stop_receiving();
    closing_links_.push_back(std::move(*found));
    links_.erase(found);
    links_changed();
    wakeup_.wake();
}

std::vector<std::string> Target::Impl::add_export(ExportOptions options,
                                                  std::unique_ptr<BlockDevice> device) {
    check(options);
    if (device == nullptr)
        refuse(EINVAL, fmt::format("export {}: there is no device", to_string(options.address)));
    // First, since the device may call the target meanwhile.
    const Geometry geometry = device->geometry();
    if (options.serial.empty())
        options.serial = default_serial(options.address, *device);
    check(options.address, geometry);
    refuse_if_stopping("export " + to_string(options.address));
    if (core_.has_export(options.address))
        refuse(EEXIST, fmt::format("export {}: the address is in use", to_string(options.address)));
    if (states_ && states_->is_saving(options.address))
        refuse(EBUSY,
               fmt::format("export {}: the state of the one that had this address is being saved; try again",
                           to_string(options.address)));
    if (auto* ring_device = dynamic_cast<storage::RingDevice*>(device.get()))
        ring_device->attach(ring_);
    memories_.align_payload(geometry.memory_alignment);
    storage::StateDirectory::Loaded kept;
    if (states_)
        kept = states_->load(options.address);
    core_.add_export(options, std::move(device), geometry, kept.state);
    addresses_changed();
    wakeup_.wake(); // to announce it
    if (kept.note.empty())
        return {};
    return {kept.note};
}

bool Target::Impl::remove_export(const Address& address) {
    const bool found = core_.remove_export(address);
    if (found) {
        addresses_changed();
        wakeup_.wake(); // the flush has to be started
    }
    return found;
}

void Target::Impl::watch(int fd, std::function<void()> ready) {
    watches_.push_back(std::make_unique<ring::Watch>(ring_, fd, std::move(ready)));
    wakeup_.wake();
}

void Target::Impl::addresses_changed() {
    for (const auto& link : links_)
        link->set_addresses(core_.visible_addresses());
}

void Target::Impl::links_changed() {
    for (const auto& link : links_)
        link->tell_arrivals(links_.size() > 1);
}

void Target::Impl::interfaces_changed() {
    for (const auto& link : links_)
        link->refresh();
}

void Target::Impl::run() {
    finish_turn(); // what was prepared before
    while (phase_ != Phase::stopped) {
        core_.completions().set_in_turn(true);
        ring_.wait(core_.operations() > 0 ? awaits_devices_ : awaits_frames_);
        finish_turn();
    }
    wind_down();
}

bool Target::Impl::poll() {
    bool busy = true;
    for (int turn = 0; turn < turns_per_poll && busy && phase_ != Phase::stopped; ++turn) {
        core_.completions().set_in_turn(true);
        busy = ring_.poll();
        finish_turn();
    }
    if (phase_ == Phase::stopped) {
        wind_down();
        return false;
    }
    if (busy || ring_.has_deferred())
        ring_.signal(); // there may be more
    ring_.submit_prepared();
    return true;
}

void Target::Impl::finish_turn() {
    core_.completions().set_in_turn(true);
    const core::Time time = now();
    arrival_clock_.next_turn();
    for (const auto& link : links_)
        link->collect(time);
    core_.turn(time);
    ring_.set_more_workers(core_.held_workers());
    for (const auto& link : links_) {
        link->replenish();
        link->send_in_groups(core_.devices_take_time(), core_.ended_operations() > merged_parts);
    }
    if (!closing_links_.empty())
        std::erase_if(closing_links_, [](const auto& link) { return link->quiet(); });
    memories_.collect();
    core_.completions().set_in_turn(false);
    ring_.run_deferred();
    advance_phase();
    timer_.set(core_.next_deadline());
}

void Target::Impl::advance_phase() {
    const int requests = stop_requests_.load();
    if (requests == 0)
        return;
    if (phase_ == Phase::running) {
        phase_ = Phase::stopping;
        stop_receiving();
        core_.close();
        wakeup_.wake(); // the flushes have to be started
    }
    if (requests > 1 || (core_.idle() && links_quiet()))
        phase_ = Phase::stopped;
}

void Target::Impl::stop_receiving() {
    for (const auto& link : links_)
        link->stop_receiving();
}

Stats Target::Impl::stats() const {
    Stats stats;
    for (const auto& link : links_) {
        const net::LinkCounters counters = link->counters();
        stats.interfaces.push_back({.name = link->name(),
                                    .link = link->description(),
                                    .mac = link->mac(),
                                    .mtu = link->mtu(),
                                    .sectors_per_frame = link->sectors_per_frame(),
                                    .up = link->up(),
                                    .rx_frames = counters.rx_frames,
                                    .rx_dropped = counters.rx_dropped,
                                    .rx_oversized = counters.rx_oversized,
                                    .rx_starved = counters.rx_starved,
                                    .rx_ignored = counters.rx_ignored,
                                    .tx_frames = counters.tx_frames,
                                    .tx_errors = counters.tx_errors});
    }
    stats.exports = core_.export_stats();
    stats.out_of_slots = core_.out_of_slots();
    return stats;
}

// --- The public face -----------------------------------------------------------------------------

Target::Target(const TargetOptions& options) : impl_(std::make_unique<Impl>(options)) {}
Target::~Target() = default;
void Target::add_interface(const std::string& name) {
    impl_->add_interface(name, {});
}
void Target::add_interface(const std::string& name, const InterfaceOptions& options) {
    impl_->add_interface(name, options);
}
void Target::remove_interface(const std::string& name) {
    impl_->remove_interface(name);
}
std::vector<std::string> Target::add_export(const ExportOptions& options,
                                            std::unique_ptr<BlockDevice> device) {
    return impl_->add_export(options, std::move(device));
}
bool Target::remove_export(const Address& address) {
    return impl_->remove_export(address);
}
void Target::watch(int fd, std::function<void()> ready) {
    impl_->watch(fd, std::move(ready));
}
void Target::run() {
    impl_->run();
}
void Target::stop() noexcept {
    impl_->stop();
}
int Target::fd() const noexcept {
    return impl_->fd();
}
bool Target::poll() {
    return impl_->poll();
}
Stats Target::stats() const {
    return impl_->stats();
}
std::string Target::features() const {
    return impl_->features();
}

} // namespace aoetarget
