// The folders that systemd makes for a service: systemd.exec(5).
#pragma once

#include <string>

namespace cli {

/// Returns the folder in this variable, such as RUNTIME_DIRECTORY, the first one if the unit has several, or
/// an empty text without one.
std::string systemd_directory(const char* variable);

} // namespace cli
