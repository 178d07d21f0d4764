// Anonymous memory straight from the kernel: page-aligned, zeroed, and only taken when touched.
#pragma once

#include <cerrno>
#include <cstddef>
#include <span>
#include <system_error>

#include <sys/mman.h>

namespace aoetarget::ring {

class Mapping {
  public:
    explicit Mapping(std::size_t bytes)
        : data_(mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_ANONYMOUS | MAP_PRIVATE, -1, 0)),
          bytes_(bytes) {
        if (data_ == MAP_FAILED)
            throw std::system_error(errno, std::generic_category(), "cannot allocate memory for frames");
    }
    ~Mapping() { munmap(data_, bytes_); }
    Mapping(const Mapping&) = delete;
    Mapping& operator=(const Mapping&) = delete;

    [[nodiscard]] std::span<std::byte> bytes() const { return {static_cast<std::byte*>(data_), bytes_}; }

  private:
    void* data_;
    std::size_t bytes_;
};

} // namespace aoetarget::ring
