// Lets support code report to the test framework without including its (slow) header.
#pragma once

#include <string>

namespace aoetest {

// Fails the running test case and continues.
void report_failure(const std::string& message);

// Fails the running test case and ends it.
[[noreturn]] void abort_test(const std::string& message);

// Marks the running test case as skipped. Use SKIP_BECAUSE.
void note_skip(const std::string& reason);

} // namespace aoetest
