// RLIMIT_NOFILE.
#include "file_limit.hpp"

#include <utility>

#include <sys/resource.h>

namespace cli {

std::size_t raise_file_limit() {
    rlimit files{};
    if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < files.rlim_max) {
        const rlim_t before = std::exchange(files.rlim_cur, files.rlim_max);
        if (setrlimit(RLIMIT_NOFILE, &files) < 0)
            return before;
    }
    return files.rlim_cur;
}

} // namespace cli
