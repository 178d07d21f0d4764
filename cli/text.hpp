// Numbers and foreign bytes as text for people.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace cli {

/// In powers of 1024, exact where it is a whole number, else with one decimal: "64 MiB", "1.5 GiB".
std::string human_size(std::uint64_t bytes);

/// Safe to print whatever the network sent: what is not printable ASCII becomes \xNN, and a backslash is
/// doubled, so that the bytes can be told from the text.
std::string printable(std::string_view bytes);

/// Line ends and other control characters become spaces: an error is one line.
std::string single_line(std::string_view text);

/// To standard error, for people. That it may be closed or full is no reason to stop serving.
void say(const std::string& text);

} // namespace cli
