// Puts one ring, its links, the core and the devices together, and runs the loop that drives them.
#include "target_impl.hpp"

#include "checks.hpp"

#include <algorithm>
#include <fstream>
#include <random>
#include <system_error>

#include <poll.h>

namespace aoetarget {
namespace {

using namespace std::chrono_literals;

// This is enough for every slot of several interfaces at once; further completions wait in the kernel and are
// not lost.
constexpr unsigned completion_entries = 16384;
constexpr std::size_t bounce_buffers = 16; // besides one for each export
constexpr std::size_t ahead_pieces = 16;
constexpr std::uint64_t ahead_piece_sectors = 256;
// A target that has not ended this long after stop() tells why.
constexpr core::Time silent_stop = 1s;
// One poll() may take this many turns before it returns to the host's own loop.
constexpr int turns_per_poll = 16;
// Answers to a merged write bring requests that merge again, so they leave together. If more operations end
// in a turn than a run has parts, the access counts as random.
constexpr std::size_t merged_parts = 2;
constexpr std::uint16_t firmware_version = AOETARGET_VERSION_MAJOR << 8 | AOETARGET_VERSION_MINOR;

core::Time now() {
    return std::chrono::steady_clock::now().time_since_epoch();
}

/// Nobody on the network can guess this number.
std::uint64_t random_seed() {
    std::random_device random;
    return std::uint64_t{random()} << 32 | random();
}

std::string machine_id() {
    std::string id;
    std::getline(std::ifstream("/etc/machine-id") >> std::ws, id);
    return id;
}

/// It would be the same for each interface that the pattern takes.
void refuse_prepared_pattern(const std::string& name, const PreparedInterface* prepared) {
    if (prepared != nullptr && net::is_pattern(name))
        refuse(EINVAL, fmt::format("interface {}: a pattern cannot be prepared", name));
}

} // namespace

const char* version() noexcept {
    return AOETARGET_VERSION;
}

static_assert(std::atomic<int>::is_always_lock_free, "stop() is called from signal handlers");

Target::Impl::Impl(const TargetOptions& options)
    : device_patience_(options.device_patience), machine_(machine_id()), ring_(completion_entries),
      awaits_devices_(options.busy_poll), awaits_frames_(options.busy_poll),
      bounce_memory_(bounce_buffers * core::BouncePool::buffer_bytes),
      ahead_memory_(ahead_pieces * ahead_piece_sectors * sector_bytes), wakeup_(ring_), timer_(ring_),
      memories_(ring_),
      states_(options.state_directory.empty()
                  ? nullptr
                  : std::make_unique<storage::StateDirectory>(ring_, options.state_directory)),
      events_(options.on_event), paths_(ring_, events_),
      disks_(ring_, [this](const Address& address) { resize_export(address); }),
      core_({options.buffer_count, firmware_version, AOETARGET_VERSION, bounce_memory_.bytes(),
             ahead_memory_.bytes(), ahead_piece_sectors, states_.get(), &events_,
             static_cast<bool>(options.on_event), random_seed()}),
      netfilter_(ring_, [this] { links_.hear({}); }),
      links_({ring_, memories_, arrival_clock_, *this, events_, netfilter_, core_}),
      monitor_(ring_, [this](const net::InterfaceNews& news) { links_.hear(news); }),
      calls_(ring_, *this, [this] { need_turn(); }), device_calls_(ring_, *this, [this] { need_turn(); }),
      device_host_(device_calls_, {[this](const BlockDevice& device) {
                                       if (const auto address = core_.find_user(device))
                                           resize_export(*address);
                                   },
                                   [this](const BlockDevice& device, const std::string& why) {
                                       if (const auto address = core_.find_user(device))
                                           remove_export(*address, {}, why);
                                   }}) {
    check(options);
    core_.completions().set_waker(this);
}

/// The phase is not enough: stop() may have been called since the last turn.
void Target::Impl::refuse_if_stopping(const std::string& what) const {
    if (stop_requests_.load() > 0)
        refuse(ECANCELED, fmt::format("{}: the target is stopping and accepts nothing new", what));
}

void Target::Impl::add_interface(const std::string& name, const InterfaceOptions& options,
                                 std::unique_ptr<PreparedInterface> prepared) {
    refuse_if_stopping("interface " + name);
    check(name, options);
    refuse_prepared_pattern(name, prepared.get());
    links_.add(name, options,
               std::shared_ptr<net::InterfaceRights>(static_cast<net::InterfaceRights*>(prepared.release())));
    wakeup_.wake(); // a host that sleeps on fd() has to give it a turn
    if (!has_begun_)
        return;
    const std::vector<std::string> waited_for = links_.waited_for();
    const bool is_there = std::ranges::find(waited_for, name) == waited_for.end();
    events_.tell(Severity::notice, EventKind::interface_added, name,
                 net::is_pattern(name) ? "Interfaces with such a name are served from now on."
                 : is_there            ? "It is served now."
                                       : "It is served as soon as it is there.");
}

bool Target::Impl::change_interface(const std::string& name, const InterfaceOptions& options,
                                    std::unique_ptr<PreparedInterface> prepared, const std::string& what) {
    refuse_if_stopping("interface " + name);
    check(name, options);
    refuse_prepared_pattern(name, prepared.get());
    const bool found = links_.change(name, options, static_cast<net::InterfaceRights*>(prepared.get()));
    if (found)
        wakeup_.wake(); // to announce it, and to set up XDP
    if (found && has_begun_)
        events_.tell(Severity::notice, EventKind::interface_changed, name,
                     what.empty() ? "It has other options now."
                                  : fmt::format("It has other options now: {}.", what));
    return found;
}

bool Target::Impl::rename_interface(const std::string& name, const std::string& new_name) {
    refuse_if_stopping("interface " + name);
    if (net::is_pattern(name) || net::is_pattern(new_name))
        refuse(EINVAL, fmt::format("interface {}: a pattern has no other name", name));
    return links_.rename(name, new_name);
}

void Target::Impl::remove_interface(const std::string& name) {
    if (!links_.remove(name))
        return;
    wakeup_.wake();
    if (has_begun_)
        events_.tell(Severity::notice, EventKind::interface_removed, name, "It is served no longer.");
}

void Target::Impl::addresses_changed() {
    links_.for_each([&](net::PacketLink& link) { link.set_addresses(core_.visible_addresses(link.id())); });
}

void Target::Impl::run() {
    finish_turn(); // starts the operations prepared before run()
    while (phase_ != Phase::stopped) {
        begin_turn();
        ring_.wait(core_.operations() > 0 ? awaits_devices_ : awaits_frames_);
        finish_turn();
    }
    calls_.end();
    wind_down();
    ring_.leave_thread();
}

bool Target::Impl::poll() {
    bool busy = true;
    for (int turn = 0; turn < turns_per_poll && busy && phase_ != Phase::stopped; ++turn) {
        begin_turn();
        busy = ring_.poll();
        finish_turn();
    }
    if (phase_ == Phase::stopped) {
        calls_.end();
        wind_down();
        ring_.leave_thread();
        return false;
    }
    if (busy || ring_.has_deferred())
        ring_.signal(); // there may be more
    ring_.submit_prepared();
    return true;
}

void Target::Impl::need_turn() {
    if (!in_turn_)
        wakeup_.wake();
}

void Target::Impl::begin_turn() {
    has_begun_ = in_turn_ = true;
    core_.completions().set_in_turn(true);
}

void Target::Impl::finish_turn() {
    begin_turn();
    const core::Time time = now();
    calls_.run(time);
    device_calls_.run(time);
    arrival_clock_.next_turn();
    core_.tell_time(time);
    links_.for_each([&](net::PacketLink& link) { link.collect(time); });
    core_.turn(time);
    ring_.set_more_workers(core_.held_workers());
    links_.for_each([&](net::PacketLink& link) {
        link.replenish();
        link.send_in_groups(core_.devices_take_time(), core_.ended_operations() > merged_parts);
    });
    links_.collect_closed();
    links_.try_again(time);
    links_.look_for_drops(time);
    memories_.collect();
    core_.completions().set_in_turn(false);
    ring_.run_deferred();
    advance_phase(time);
    events_.deliver(time);
    core::Time deadline = core::Time::max();
    for (const std::optional<core::Time>& next :
         {core_.next_deadline(), events_.next_deadline(), links_.next_deadline(), calls_.next_deadline(),
          device_calls_.next_deadline(), tell_waits_at_, give_up_at_})
        deadline = next ? std::min(deadline, *next) : deadline;
    if (deadline != core::Time::max())
        timer_.set(deadline);
    in_turn_ = false;
}

void Target::Impl::advance_phase(core::Time time) {
    const int requests = stop_requests_.load();
    if (requests == 0)
        return;
    if (phase_ == Phase::running) {
        phase_ = Phase::stopping;
        links_.stop_receiving();
        core_.close();
        wakeup_.wake(); // the flushes have to be started
        tell_waits_at_ = time + silent_stop;
    }
    if (tell_waits_at_ && time >= *tell_waits_at_) {
        tell_waits_at_.reset();
        core_.tell_waits();
    }
    if (requests > 1 || (core_.idle() && links_.quiet()))
        phase_ = Phase::stopped;
}

Stats Target::Impl::stats() const {
    const core::Time time = now();
    Stats stats;
    stats.interfaces = links_.stats(time);
    stats.waited_for = links_.waited_for();
    stats.exports = core_.export_stats(time);
    stats.initiators = core_.initiator_stats(time);
    stats.failed_last_flushes = core_.failed_last_flushes();
    stats.out_of_slots = core_.out_of_slots();
    return stats;
}

// --- The public class ----------------------------------------------------------------------------

Target::Target(const TargetOptions& options) : impl_(std::make_unique<Impl>(options)) {}

Target::~Target() {
    if (!impl_->end())
        Impl::keep(std::move(impl_));
}

void Target::add_interface(const std::string& name) {
    impl_->add_interface(name, {}, nullptr);
}
void Target::add_interface(const std::string& name, const InterfaceOptions& options,
                           std::unique_ptr<PreparedInterface> prepared) {
    impl_->add_interface(name, options, std::move(prepared));
}
bool Target::change_interface(const std::string& name, const InterfaceOptions& options,
                              std::unique_ptr<PreparedInterface> prepared, const std::string& what) {
    return impl_->change_interface(name, options, std::move(prepared), what);
}
bool Target::rename_interface(const std::string& name, const std::string& new_name) {
    return impl_->rename_interface(name, new_name);
}
void Target::remove_interface(const std::string& name) {
    impl_->remove_interface(name);
}
std::vector<std::string> Target::add_export(const ExportOptions& options,
                                            std::unique_ptr<BlockDevice> device) {
    return impl_->add_export(options, std::move(device));
}
bool Target::change_export(const ExportOptions& options) {
    return impl_->change_export(options);
}
bool Target::replace_device(const Address& address, std::unique_ptr<BlockDevice> device,
                            const std::string& what) {
    return impl_->replace_device(address, std::move(device), what);
}
bool Target::shares_foreign_lock(const Address& address, const BlockDevice& device) const {
    return impl_->shares_foreign_lock(address, device);
}
std::optional<std::uint64_t> Target::export_sectors(const Address& address) const {
    return impl_->export_sectors(address);
}
std::optional<std::uint64_t> Target::device_sectors(const Address& address) const {
    return impl_->device_sectors(address);
}

std::uint64_t Target::resize_export(const Address& address) {
    return impl_->resize_export(address);
}
bool Target::remove_export(const Address& address) {
    return impl_->remove_export(address, {});
}
bool Target::remove_export(const Address& address, std::function<void()> gone) {
    return impl_->remove_export(address, std::move(gone));
}
void Target::watch(int fd, short events, std::function<void(short revents)> ready) {
    impl_->calls().watch(fd, events, std::move(ready));
}
void Target::watch(int fd, std::function<void()> ready) {
    impl_->calls().watch(
        fd, POLLIN, ready ? [ready = std::move(ready)](short) { ready(); } : std::function<void(short)>());
}
void Target::unwatch(int fd) {
    impl_->calls().unwatch(fd);
}
void Target::post(std::function<void()> call) {
    impl_->calls().post(std::move(call));
}
CallId Target::call_after(std::chrono::milliseconds delay, std::function<void()> call) {
    return impl_->calls().call_after(delay, std::move(call));
}
bool Target::cancel_call(CallId id) {
    return impl_->calls().cancel_call(id);
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
