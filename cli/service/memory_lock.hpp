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

} // namespace cli
