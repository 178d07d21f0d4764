// The command line: arguments in, calls of the public library, text out. It proves the library: it includes
// only the public headers in aoetarget/. People read standard error, programs read standard output.
//
//     verbs/      a small file for each verb: its help, its arguments; main.cpp holds the table of them
//     config/     the configuration of a target as a value, and the texts in which people write it
//     control/    the socket over which a target that runs is asked and changed, from both sides
//     figures/    what a target counts: as JSON, as rates, as a table, a screen and metrics
//     check/      what speaks against running a configuration
//     service/    running a configuration and changing it: opening, signals, reports, rights
//     systemd/    units
//
// verbs/ includes the others, check/ includes all but verbs/, service/ includes config/, control/ and
// figures/, figures/ includes control/, and config/ and control/ do not know each other. All of them may
// include the files beside main.cpp.
#pragma once

#include <string>
#include <vector>

namespace cli {

/// The words after the verb on the command line.
using Arguments = std::vector<std::string>;

// Each returns the exit code (exit_code.hpp). A bad command line throws UsageError, any other failure another
// std::exception.
int serve(const Arguments& arguments);
int check(const Arguments& arguments);
int discover(const Arguments& arguments);
int probe(const Arguments& arguments);
int status(const Arguments& arguments);
int stats(const Arguments& arguments);
int top(const Arguments& arguments);
int metrics(const Arguments& arguments);
int add(const Arguments& arguments);
int remove(const Arguments& arguments);
int resize(const Arguments& arguments);
int reopen(const Arguments& arguments);
int reload(const Arguments& arguments);
int config(const Arguments& arguments);
int stop(const Arguments& arguments);
int vblade(const Arguments& arguments);
int import_configuration(const Arguments& arguments);

extern const char* const serve_help;
extern const char* const check_help;
extern const char* const discover_help;
extern const char* const probe_help;
extern const char* const status_help;
extern const char* const stats_help;
extern const char* const top_help;
extern const char* const metrics_help;
extern const char* const add_help;
extern const char* const remove_help;
extern const char* const resize_help;
extern const char* const reopen_help;
extern const char* const reload_help;
extern const char* const config_help;
extern const char* const stop_help;
extern const char* const vblade_help;
extern const char* const import_help;

} // namespace cli
