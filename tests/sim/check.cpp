// support/check.hpp where there is no test framework: whatever support code complains of ends the program.
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
