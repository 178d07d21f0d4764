// madvise(2), which heeds memory that is locked only if it is told to.
#include "core/lazy_array.hpp"

#include <cstdint>

#include <sys/mman.h>
#include <unistd.h>

#ifndef MADV_DONTNEED_LOCKED // since Linux 5.18
#define MADV_DONTNEED_LOCKED 24
#endif

namespace aoetarget::core {

void give_back(void* memory, std::size_t bytes) {
    const auto page = static_cast<std::uintptr_t>(sysconf(_SC_PAGESIZE));
    const auto start = reinterpret_cast<std::uintptr_t>(memory);
    const std::uintptr_t first = (start + page - 1) / page * page, end = (start + bytes) / page * page;
    if (first < end)
        madvise(reinterpret_cast<void*>(first), end - first, MADV_DONTNEED_LOCKED); // else it stays
}

} // namespace aoetarget::core
