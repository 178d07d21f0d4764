// A pool of objects that are allocated before the first frame and then only lent.
#pragma once

#include <cstddef>
#include <deque>
#include <vector>

namespace aoetarget::core {

/// Lends objects of T, which are default-constructed once. Addresses stay valid for the life of the pool.
template <typename T>
class FixedPool {
  public:
    /// Adds `count` objects. The core calls this only while links and exports are added.
    void grow(std::size_t count) {
        free_.reserve(objects_.size() + count);
        for (std::size_t i = 0; i < count; ++i)
            free_.push_back(&objects_.emplace_back());
    }
    /// Returns null if all are lent.
    T* take() {
        if (free_.empty())
            return nullptr;
        T* object = free_.back();
        free_.pop_back();
        return object;
    }
    void give_back(T* object) { free_.push_back(object); }
    [[nodiscard]] std::size_t lent() const { return objects_.size() - free_.size(); }

  private:
    std::deque<T> objects_;
    std::vector<T*> free_;
};

} // namespace aoetarget::core
