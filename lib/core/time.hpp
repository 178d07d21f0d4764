// The time that the core gets from outside.
#pragma once

#include <chrono>

namespace aoetarget::core {

/// The time since an arbitrary moment, which is the same for all calls. The core never reads a clock.
using Time = std::chrono::nanoseconds;

} // namespace aoetarget::core
