// What the service manager is told: sd_notify(3).
//
// The protocol is a line in a datagram. libsystemd opens a socket for each, which a confined process may not
// do, so this keeps one open and writes to it.
#pragma once

#include "service/target_threads.hpp"

#include <chrono>
#include <deque>
#include <string>
#include <string_view>

namespace cli {

class ServiceManager {
  public:
    /// Connects to the socket in $NOTIFY_SOCKET, if the service manager has set it.
    ServiceManager();
    ~ServiceManager();
    ServiceManager(const ServiceManager&) = delete;
    ServiceManager& operator=(const ServiceManager&) = delete;

    [[nodiscard]] bool is_there() const { return socket_ >= 0; }
    /// Tells that the target serves now, with a sentence that people see in 'systemctl status'.
    void ready(std::string_view status);
    /// Tells that a reload begins. It ends with ready(), whether it has succeeded or not.
    void reloading();
    void stopping();
    /// Tells in each half of $WATCHDOG_USEC that the loops of all targets turn, if the service manager wants
    /// to know. This object must outlive the targets.
    void watch(TargetThreads& targets);

  private:
    [[nodiscard]] bool send(std::string_view text) const;
    void tell(std::string text);
    void tell_unsent();
    void watch_again();

    int socket_ = -1;
    std::deque<std::string> unsent_; ///< There was no room for these.
    bool tries_again_ = false;
    TargetThreads* targets_ = nullptr;
    std::chrono::milliseconds interval_{0};
};

} // namespace cli
