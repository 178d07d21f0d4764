// Tells why the kernel refuses a ring, and what to do about it.
#pragma once

namespace aoetarget::ring {

/// Throws std::system_error with the cause and the cure, which names io_uring, for an error with which the
/// kernel refuses to set up a ring. What a filter of system calls refuses is EPERM, whatever that says.
[[noreturn]] void refuse_set_up(int error);

} // namespace aoetarget::ring
