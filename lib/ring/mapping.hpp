// Anonymous memory from the kernel: page-aligned, zeroed, and only provided when touched.
#pragma once

#include <cerrno>
#include <cstddef>
#include <memory>
#include <span>
#include <system_error>

#include <sys/mman.h>

namespace aoetarget::ring {

class Mapping {
  public:
    /// The memory is in huge pages as far as the kernel has some: a device then finds a frame's data in one
    /// piece, not in three.
    explicit Mapping(std::size_t bytes)
        : bytes_(bytes), mapped_(bytes < huge_page ? bytes : bytes + huge_page),
          mapping_(mmap(nullptr, mapped_, PROT_READ | PROT_WRITE, MAP_ANONYMOUS | MAP_PRIVATE, -1, 0)) {
        if (mapping_ == MAP_FAILED)
            throw std::system_error(errno, std::generic_category(), "cannot allocate memory for frames");
        data_ = mapping_;
        if (bytes < huge_page)
            return;
        std::size_t rest = mapped_;
        std::align(huge_page, bytes, data_, rest);
        madvise(data_, bytes, MADV_HUGEPAGE); // nothing depends on it
    }
    ~Mapping() { munmap(mapping_, mapped_); }
    Mapping(const Mapping&) = delete;
    Mapping& operator=(const Mapping&) = delete;

    [[nodiscard]] std::span<std::byte> bytes() const { return {static_cast<std::byte*>(data_), bytes_}; }

  private:
    static constexpr std::size_t huge_page = std::size_t{2} << 20;

    std::size_t bytes_;
    std::size_t mapped_; ///< Includes the bytes before the first boundary of a huge page.
    void* mapping_;
    void* data_;
};

} // namespace aoetarget::ring
