// The programs of hosts that the tests start. The environment says where they are.
#pragma once

#include "support/check.hpp"
#include "support/sanitizers.hpp"

#include <cstdlib>
#include <string>

namespace aoetest {

inline std::string from_environment(const char* name) {
    const char* value = std::getenv(name);
    if (value == nullptr)
        abort_test(std::string(name) + " is not set");
    return value;
}

/// Programs of other languages load the library without the run-time of the sanitizers.
inline bool can_be_loaded_by_others() {
    return !has_address_sanitizer && !has_thread_sanitizer;
}

} // namespace aoetest
