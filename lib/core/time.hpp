// Time as the core knows it: given to it from outside.
#pragma once

#include <chrono>

namespace aoetarget::core {

/// Time since an arbitrary moment, the same for all calls. The core never looks at a clock.
using Time = std::chrono::nanoseconds;

} // namespace aoetarget::core
