// Numbers and foreign bytes as text for people.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace cli {

/// In powers of 1024, with one decimal if the number is not whole: "64 MiB", "1.5 GiB".
std::string human_size(std::uint64_t bytes);

/// Makes bytes from the network safe to print: those that are not printable ASCII become \xNN, and a
/// backslash is doubled, so that readers can tell such bytes from text.
std::string printable(std::string_view bytes);

/// Line ends and other control characters become spaces: an error is one line.
std::string single_line(std::string_view text);

/// Writes to standard error, for people. The target serves on if that is closed or full.
void say(const std::string& text);

} // namespace cli
