// mlockall(2), after a look at the limit.
#include "service/memory_lock.hpp"

#include "text.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <system_error>

#include <sys/mman.h>
#include <sys/resource.h>

namespace cli {

std::string lock_memory() {
    rlimit limit{};
    if (getrlimit(RLIMIT_MEMLOCK, &limit) < 0 || limit.rlim_cur != RLIM_INFINITY)
        return fmt::format("memory: not locked (the limit is {})", human_size(limit.rlim_cur));
    if (mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) < 0)
        return fmt::format("memory: not locked ({})", std::generic_category().message(errno));
    return "memory: locked";
}

void allow_locked_memory() {
    constexpr rlimit none{RLIM_INFINITY, RLIM_INFINITY};
    setrlimit(RLIMIT_MEMLOCK, &none); // else the limit stays, and a lane that meets it says so
}

} // namespace cli
