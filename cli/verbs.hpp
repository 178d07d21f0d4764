// The command line: arguments in, calls of the public library, text out. It proves the library: nothing here
// includes anything but the headers in aoetarget/. People read standard error, programs read standard output.
//
// This file: the verbs, one small file each. main.cpp holds the table of them.
#pragma once

#include <string>
#include <vector>

namespace cli {

/// What follows the verb on the command line.
using Arguments = std::vector<std::string>;

// Exit codes; a command that did its work ends with 0.
inline constexpr int exit_failed = 1;
inline constexpr int exit_usage = 2;

// Each returns the exit code. A bad command line throws UsageError, any other failure another std::exception.
int serve(const Arguments& arguments);
int discover(const Arguments& arguments);
int vblade(const Arguments& arguments);

extern const char* const serve_help;
extern const char* const discover_help;
extern const char* const vblade_help;

} // namespace cli
