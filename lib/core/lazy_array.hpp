// An array whose memory the kernel provides as it is touched, and takes back when it is not needed any more.
#pragma once

#include <cstddef>
#include <memory>
#include <type_traits>

namespace aoetarget::core {

/// Gives the memory of whole pages back. What they held is lost.
void give_back(void* memory, std::size_t bytes);

/// It does not construct its elements: they have no value before they are set, and after forget_from().
template <typename T>
class LazyArray {
    static_assert(std::is_trivially_copyable_v<T> && std::is_trivially_destructible_v<T>);
    static_assert(alignof(T) <= __STDCPP_DEFAULT_NEW_ALIGNMENT__);

  public:
    explicit LazyArray(std::size_t size)
        : size_(size), memory_(std::make_unique_for_overwrite<std::byte[]>(size * sizeof(T))) {}

    [[nodiscard]] T* get() const { return reinterpret_cast<T*>(memory_.get()); }
    T& operator[](std::size_t index) const { return get()[index]; }
    /// Gives the memory of this element and all later ones back.
    void forget_from(std::size_t index) { give_back(get() + index, (size_ - index) * sizeof(T)); }

  private:
    std::size_t size_;
    std::unique_ptr<std::byte[]> memory_;
};

} // namespace aoetarget::core
