// What a target does for its devices, put together from the calls that it makes for them and what it does to
// their exports.
#pragma once

#include "calls.hpp"

#include <aoetarget/device_host.hpp>

#include <utility>

namespace aoetarget {

class DeviceCalls final : public DeviceHost {
  public:
    /// What changes the export that has this device.
    struct Changes {
        std::function<void(const BlockDevice& device)> capacity_changed;
        std::function<void(const BlockDevice& device, const std::string& why)> retire;
    };

    /// Both outlive this object.
    DeviceCalls(Calls& calls, Changes changes) : calls_(calls), changes_(std::move(changes)) {}

    void watch(int fd, short events, std::function<void(short revents)> ready) override {
        calls_.watch(fd, events, std::move(ready));
    }
    void unwatch(int fd) override { calls_.unwatch(fd); }
    CallId call_after(std::chrono::milliseconds delay, std::function<void()> call) override {
        return calls_.call_after(delay, std::move(call));
    }
    bool cancel_call(CallId id) override { return calls_.cancel_call(id); }
    CallId call_at_turn_end(std::function<void()> call) override {
        return calls_.call_at_turn_end(std::move(call));
    }
    void post(std::function<void()> call) override { calls_.post(std::move(call)); }
    void capacity_changed(const BlockDevice& device) override { changes_.capacity_changed(device); }
    void retire(const BlockDevice& device, const std::string& why) override { changes_.retire(device, why); }

  private:
    Calls& calls_;
    Changes changes_;
};

} // namespace aoetarget
