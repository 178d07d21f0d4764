// How a target ends: it waits for its devices, or gives them up, and lets go of everything.
#include "target_impl.hpp"

#include <mutex>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

namespace aoetarget {

/// The kernel may be writing into our memory until the last operation has completed.
bool Target::Impl::end() {
    stop_requests_.fetch_add(1); // refuses additions from here on
    try {
        core_.close();
        links_.stop_receiving();
        calls_.end();
        if (device_patience_)
            give_up_at_ = std::chrono::steady_clock::now().time_since_epoch() + *device_patience_;
        // Devices may complete from other threads, so the loop needs the wakeup as long as they are busy.
        for (finish_turn(); !core_.idle() || !links_.quiet(); finish_turn()) {
            if (give_up_at_ && std::chrono::steady_clock::now().time_since_epoch() >= *give_up_at_ &&
                !core_.idle()) {
                give_up_devices();
                return false;
            }
            if (core_.idle())
                give_up_at_.reset(); // what is left are frames, which leave soon
            ring_.wait();
        }
        wind_down();
        while (core_.completions().has_callers())
            std::this_thread::yield();   // another thread has a few instructions left
    } catch (const std::system_error&) { // the ring has failed, so no completion will come
    }
    return true;
}

/// Releases what no device uses any more.
void Target::Impl::give_up_devices() {
    for (const std::vector<Address> addresses = core_.addresses(); const Address& address : addresses)
        core_.remove_export(address);
    links_.close_all();
    // What is idle is destroyed at the end of a turn, and links when the kernel has let go of them.
    for (finish_turn(); !links_.quiet(); finish_turn())
        ring_.wait();
    calls_.clear();
    ring_.leave_thread();
}

/// Tools that look for leaks find it here.
void Target::Impl::keep(std::unique_ptr<Impl> target) {
    static std::mutex mutex;
    static auto& kept = *new std::vector<std::unique_ptr<Impl>>; // never destroyed
    const std::lock_guard lock(mutex);
    kept.push_back(std::move(target));
}

Target::Impl::~Impl() {
    // Before the rest is destroyed, because the destructors of devices and functions may call the target.
    core_.clear();
    calls_.clear();
    device_calls_.clear();
}

/// Ends the operations that only wait for events, which takes no time. After an orderly stop nothing is under
/// way any more, so that another thread may then destroy the target.
void Target::Impl::wind_down() {
    if (!core_.idle() || !links_.quiet())
        return; // stopped without waiting for the devices, or for frames being sent
    device_calls_.end();
    // Each turn asks again: the kernel does not find an operation that it is just about to resume.
    for (; !quiet(); finish_turn()) {
        monitor_.stop();
        paths_.stop();
        disks_.stop();
        netfilter_.stop();
        wakeup_.stop();
        calls_.stop_watches();
        device_calls_.stop_watches();
        ring_.wait();
    }
    ring_.release_files(); // so that disks are free when the target has ended
}

bool Target::Impl::quiet() const {
    return monitor_.quiet() && paths_.quiet() && disks_.quiet() && netfilter_.quiet() && wakeup_.quiet() &&
           calls_.quiet() && device_calls_.quiet();
}

} // namespace aoetarget
