// Memory that the kernel does not take away.
#pragma once

#include <string>

namespace cli {

/// Keeps the memory of this process from being paged out, as far as it is in use: pages that nobody has
/// touched take no room. A target may itself be what the swap space is reached through, and code that has to
/// be read from a disk first makes it slow. It is done only where the limit of locked memory (RLIMIT_MEMLOCK)
/// is infinite: with another one, a mapping that is made later would fail. Nothing is asked of the kernel
/// later, so a filter of system calls need not allow anything for it. Returns human-readable text that tells
/// whether it was done.
std::string lock_memory();

/// Lifts the limit for memory that is locked later, for AF_XDP, as far as this process may. It does not
/// change what lock_memory() finds if that was called before.
void allow_locked_memory();

} // namespace cli
