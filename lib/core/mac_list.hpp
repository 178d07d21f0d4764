// A bounded list of MAC addresses: a mask list, or the holders of a reservation.
#pragma once

#include <aoetarget/address.hpp>

#include <algorithm>
#include <array>
#include <span>

namespace aoetarget::core {

/// Up to 255 addresses, the most that the protocol can count, in the order in which they were added.
class MacList {
  public:
    static constexpr std::size_t max_entries = 255;

    [[nodiscard]] std::span<const MacAddress> entries() const { return std::span(entries_).first(size_); }
    [[nodiscard]] bool empty() const { return size_ == 0; }
    [[nodiscard]] std::size_t size() const { return size_; }
    [[nodiscard]] bool contains(const MacAddress& mac) const {
        return std::ranges::find(entries(), mac) != entries().end();
    }
    /// Returns whether the list admits this source. An empty list admits everybody.
    [[nodiscard]] bool permits(const MacAddress& mac) const { return empty() || contains(mac); }

    void clear() { size_ = 0; }
    /// Returns false if the list is full.
    bool add(const MacAddress& mac) {
        if (size_ == max_entries)
            return false;
        entries_[size_++] = mac;
        return true;
    }
    void remove(const MacAddress& mac) {
        const auto all = std::span(entries_).first(size_);
        const auto kept = std::remove(all.begin(), all.end(), mac);
        size_ = static_cast<std::size_t>(kept - all.begin());
    }

    friend bool operator==(const MacList& a, const MacList& b) {
        return std::ranges::equal(a.entries(), b.entries());
    }

  private:
    std::array<MacAddress, max_entries> entries_{};
    std::size_t size_ = 0;
};

} // namespace aoetarget::core
