// Disks that this process opens for a target which may not open them itself.
#pragma once

#include "config/configuration.hpp"
#include "control/client.hpp"
#include "failure.hpp"

#include <nlohmann/json_fwd.hpp>

#include <functional>
#include <string>
#include <vector>

namespace cli {

/// Learns which export has a disk that cannot be opened or passed on, and why.
using Failed = std::function<void(const ExportSpec& spec, const Failure& failure)>;

enum class Sending {
    together, ///< Several in a packet, which the target takes or refuses as a whole.
    one_by_one,
};

/// Opens the disks of these exports and passes them to the target, which keeps them until the next change
/// that this client asks for. That change makes `wanted` of `present`. Tells what a user should know of the
/// disks on standard error. Throws std::system_error and Failure. If there is a function
/// `failed`, this calls it for each disk that cannot be opened, and continues with the next; with
/// Sending::one_by_one, for each that the target refuses, too.
void open_for_target(ControlClient& client, const std::vector<ExportSpec>& exports,
                     const Configuration& present, const Configuration& wanted, const Failed& failed = {},
                     Sending sending = Sending::together);

/// Tells the notes of an answer on standard error.
void say_notes(const nlohmann::json& answer);

} // namespace cli
