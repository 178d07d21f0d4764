// The interface of a fuzz target to its runner: libFuzzer, or replay_main.cpp, which feeds it files.
#pragma once

#include "support/check.hpp"

#include <cstddef>
#include <cstdint>
#include <string>

/// Returns 0, or ends the process if the input has uncovered a mistake.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace aoetest {

inline void require(bool condition, const char* what) {
    if (!condition)
        abort_test(what);
}

} // namespace aoetest
