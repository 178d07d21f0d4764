// Disks that this process opens for a target which may not open them itself.
#pragma once

#include "config/configuration.hpp"
#include "control/client.hpp"

#include <nlohmann/json_fwd.hpp>

#include <functional>
#include <string>
#include <vector>

namespace cli {

/// Learns which export has a disk that cannot be opened or passed on, and why.
using Failed = std::function<void(const ExportSpec& spec, const std::string& error)>;

/// Opens the disks of these exports and passes them to the target, which keeps them until the next change
/// that this client asks for. That change makes `wanted` of `present`. Tells what a user should know of the
/// disks on standard error. Throws std::system_error and Failure (failure.hpp), or calls `failed`, if there
/// is such a function, and continues with the next.
void open_for_target(ControlClient& client, const std::vector<ExportSpec>& exports,
                     const Configuration& present, const Configuration& wanted, const Failed& failed = {});

/// Tells the notes of an answer on standard error.
void say_notes(const nlohmann::json& answer);

} // namespace cli
