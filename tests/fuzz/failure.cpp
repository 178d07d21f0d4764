// Ends the process at every failed check, so that the fuzzer learns of it.
#include "support/check.hpp"

#include <cstdio>
#include <cstdlib>

namespace aoetest {

void report_failure(const std::string& message) {
    abort_test(message);
}

void abort_test(const std::string& message) {
    std::fprintf(stderr, "failed: %s\n", message.c_str());
    std::abort();
}

} // namespace aoetest
