// The command line: arguments in, calls of the public library, text out. It proves the library: it includes
// only the public headers in aoetarget/. People read standard error, programs read standard output.
//
//     verbs/      a small file for each verb: its help, its arguments; main.cpp holds the table of them
//     config/     the configuration of a target as a value, and the texts in which people write it
//     service/    running a configuration: opening, signals, reports, rights
//
// verbs/ includes the other two, and service/ includes config/. All of them may include the files beside
// main.cpp.
#pragma once

#include <string>
#include <vector>

namespace cli {

/// The words after the verb on the command line.
using Arguments = std::vector<std::string>;

// Each returns the exit code (exit_code.hpp). A bad command line throws UsageError, any other failure another
// std::exception.
int serve(const Arguments& arguments);
int discover(const Arguments& arguments);
int vblade(const Arguments& arguments);

extern const char* const serve_help;
extern const char* const discover_help;
extern const char* const vblade_help;

} // namespace cli
