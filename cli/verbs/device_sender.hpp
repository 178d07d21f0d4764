// Disks that this process opens for a target which may not open them itself.
#pragma once

#include "config/export_spec.hpp"
#include "control/client.hpp"

#include <vector>

namespace cli {

/// Opens the disks of these exports and passes them to the target, which keeps them until the next change
/// that this client asks for. Tells what a user should know of them on standard error. Throws
/// std::system_error.
void open_for_target(ControlClient& client, const std::vector<ExportSpec>& exports,
                     const std::vector<ExportSpec>& present);

} // namespace cli
