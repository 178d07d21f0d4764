// The side of the control socket that asks.
#pragma once

#include "control/control_socket.hpp"

#include <nlohmann/json_fwd.hpp>

#include <chrono>
#include <functional>
#include <span>
#include <string>

namespace cli {

class ControlClient {
  public:
    /// Is called before an answer is received. It returns when the socket is readable, or throws.
    using Wait = std::function<void(int socket)>;

    /// Connects. Throws as connect_to_target() does. Without `wait`, the process sleeps until an answer
    /// comes. `patience` is the time for each answer; 0 is as long as the target needs.
    explicit ControlClient(const std::string& path, Wait wait = {}, std::chrono::milliseconds patience = {});

    /// Sends a request, an object with "do", and returns the answer. Throws Failure (failure.hpp) with the
    /// target's text and exit code if it refuses, with exit_not_found if it goes, and with exit_failed if its
    /// answer does not come in time.
    nlohmann::json ask(nlohmann::json request, std::span<const int> descriptors = {});

    /// Asks, and returns when the process of the target has ended. Throws as ask() does.
    void ask_and_wait_for_end(nlohmann::json request);

  private:
    std::string path_;
    Descriptor socket_;
    Wait wait_;
};

} // namespace cli
