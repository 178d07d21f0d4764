// Objects that are allocated before the first frame and then only lent.
#pragma once

#include <cstddef>
#include <deque>
#include <vector>

namespace aoetarget::core {

/// Hands out default-constructed-once objects of T; addresses stay valid for the life of the pool.
template <typename T>
class FixedPool {
  public:
    /// Makes room for `count` more. Only called while links are added.
    void grow(std::size_t count) {
        free_.reserve(objects_.size() + count);
        for (std::size_t i = 0; i < count; ++i)
            free_.push_back(&objects_.emplace_back());
    }
    /// Null where all are lent.
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
