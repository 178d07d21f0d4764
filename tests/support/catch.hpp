// The one place that knows which Catch2 is installed: 3.x has catch_all.hpp, 2.13 has the single header.
//
// Every test program links catch_main.cpp, which runs the session and prints as its very last line on
// standard output
//     N passed, N failed, N skipped
// counting test cases.
#pragma once

#if __has_include(<catch2/catch_all.hpp>)
#include <catch2/catch_all.hpp>
#else
#include <catch2/catch.hpp>
#endif

#include "check.hpp"

// Ends the running test case as skipped, with the reason in the output. Only in the body of a TEST_CASE:
// Catch2 2.x has no skip of its own, so this is a return.
#define SKIP_BECAUSE(reason)                                                                                 \
    do {                                                                                                     \
        ::aoetest::note_skip(reason);                                                                        \
        return;                                                                                              \
    } while (false)
