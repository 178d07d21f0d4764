// The exit codes of the program. A command that did its work ends with 0.
#pragma once

namespace cli {

inline constexpr int exit_failed = 1;
inline constexpr int exit_usage = 2;
inline constexpr int exit_configuration = 3; ///< The configuration is invalid, or `check` found an error.
inline constexpr int exit_no_permission = 4;
inline constexpr int exit_not_found = 5; ///< There is no such target, export or interface.

} // namespace cli
