// How the program ends. A command that did its work ends with 0.
#pragma once

namespace cli {

inline constexpr int exit_failed = 1;
inline constexpr int exit_usage = 2;

} // namespace cli
