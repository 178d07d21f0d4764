// Numbers and foreign bytes as human-readable text.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace cli {

/// Returns the size in powers of 1024, with one decimal if the number is not whole: "64 MiB", "1.5 GiB".
std::string human_size(std::uint64_t bytes);

/// Returns the number and the noun: "1 export", "2 exports".
std::string counted(std::size_t count, std::string_view noun);

/// Makes bytes from the network safe to print: those that are not printable ASCII become \xNN, and a
/// backslash is doubled, so that readers can tell such bytes from text.
std::string printable(std::string_view bytes);

/// Replaces line ends and other control characters by spaces, so that an error is one line.
std::string single_line(std::string_view text);

/// Returns the text as a shell has to read it to get it as one word, in quotes if it needs them.
std::string shell_word(std::string_view text);

std::string joined(std::span<const std::string> parts, std::string_view separator);

/// Whether standard error leads to the journal, which takes the priority of a line from its beginning
/// (sd-daemon(3)).
bool journal_reads_errors();

/// The values are those of syslog(3).
enum class Priority { error = 3, notice = 5, info = 6 };

/// Returns the lines as the journal takes them, each with its priority.
std::string with_priority(std::string_view lines, Priority priority);

/// Writes to standard error. The target continues to serve if that is closed or full.
void say(const std::string& text);
/// Writes lines, with their priority if the journal reads them.
void say(Priority priority, const std::string& lines);

} // namespace cli
