// The command line: arguments in, calls of the public library, text out. It proves the library: it includes
// only the public headers in aoetarget/. People read standard error, programs read standard output.
//
//     verbs/      a small file for each verb: its help, its arguments; main.cpp holds the table of them
//     config/     what a target is asked to be, as a value, and how people write it
//     service/    running that: opening, signals, reports, rights
//
// A folder may include what stands below it in this list, in the order verbs, service, config; all of them
// may include the files beside main.cpp.
#pragma once

#include <string>
#include <vector>

namespace cli {

/// What follows the verb on the command line.
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
