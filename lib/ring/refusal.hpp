// Tells why the kernel refuses a ring, and what to do about it.
#pragma once

#include <string>

namespace aoetarget::ring {

/// Returns the cause and the cure if a ring cannot be set up for this error. It names io_uring.
std::string set_up_advice(int error);

} // namespace aoetarget::ring
