// support/check.hpp without a test framework: every failure that support code reports ends the program.
#include "support/check.hpp"

#include <cstdio>
#include <cstdlib>

namespace aoetest {

void report_failure(const std::string& message) {
    abort_test(message);
}

void abort_test(const std::string& message) {
    std::fprintf(stderr, "%s\n", message.c_str());
    std::abort();
}

void note_skip(const std::string&) {}

} // namespace aoetest
