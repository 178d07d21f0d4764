// What `check` says of the process that `serve` would be: its rights, its memory, its threads, and the files
// of its own.
#pragma once

#include "check/finding.hpp"
#include "config/configuration.hpp"
#include "service/present_interfaces.hpp"

#include <chrono>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>

namespace cli {

struct ProcessFacts {
    static constexpr std::uint64_t unlimited = std::numeric_limits<std::uint64_t>::max();

    bool has_net_raw = false, has_net_admin = false, has_bpf = false, may_lock_memory = false;
    std::uint64_t lockable_bytes = 0;  ///< RLIMIT_MEMLOCK, or `unlimited`
    std::uint64_t available_bytes = 0; ///< Memory that the machine has free; 0 if that is not known.
    unsigned processors = 1;
    std::uint64_t files = 0; ///< Descriptors that it may have, or `unlimited`.
    /// The features of the ring, or why there can be none.
    std::string ring;
    bool has_ring = false;
    /// What is left of its rights when it serves, or why it cannot give them up.
    std::string confinement;
    bool is_confined = false;
    /// Why the state directory cannot be used, or nothing.
    std::string state_problem;
    bool state_directory_exists = false;
};

/// Finds out what holds for this process, with a ring that it makes and lets go, and rights that only a child
/// gives up.
ProcessFacts look_at_process(const std::string& state_directory);

/// Judges it. `frame_bytes` is the memory for frames of all interfaces, for each thread.
Findings judge_process(const Configuration& configuration, const ProcessFacts& facts,
                       std::uint64_t frame_bytes);

struct ControlFacts {
    std::string path; ///< Empty if there is to be no control socket.
    bool is_demanded = false;
    bool is_taken = false;                    ///< A living target has it.
    long process = 0;                         ///< That target, if it has told.
    std::optional<Configuration> serves = {}; ///< What it serves now.
    PresentInterfaces interfaces = {};
    std::string problem = {}; ///< Why the socket cannot be made, or why nothing is known of it.
};

/// Asks the target with this control socket who it is, if one lives. It has so much time for its answer.
ControlFacts look_at_control(const std::string& path, bool is_demanded,
                             std::chrono::milliseconds patience = std::chrono::seconds(10));
Findings judge_control(const ControlFacts& facts);

/// Returns the number in a file of the kernel, or 0.
std::uint64_t kernel_number(const std::string& path);

} // namespace cli
