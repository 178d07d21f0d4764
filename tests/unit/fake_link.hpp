// A network interface of the core that ends in the test.
#pragma once

#include "core/link.hpp"
#include "support/wire.hpp"

#include <chrono>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace aoetest {

inline aoetarget::MacAddress to_mac(const Mac& mac) {
    return {mac.octets};
}

/// Page-aligned memory that is full of what must never be sent.
class AlignedMemory {
  public:
    explicit AlignedMemory(std::size_t bytes)
        : memory_(static_cast<std::byte*>(std::aligned_alloc(4096, (bytes + 4095) / 4096 * 4096))),
          bytes_(bytes) {
        std::memset(memory_.get(), std::to_integer<int>(stale), bytes);
    }
    [[nodiscard]] aoetarget::Bytes bytes() const { return {memory_.get(), bytes_}; }

    static constexpr std::byte stale{0xEE};

  private:
    struct Free {
        void operator()(std::byte* memory) const { std::free(memory); }
    };
    std::unique_ptr<std::byte, Free> memory_;
    std::size_t bytes_;
};

class FakeLink final : public aoetarget::core::Link {
  public:
    using Sent = std::function<void(FakeLink& link, aoetarget::ConstBytes frame)>;

    FakeLink(std::string name, const Mac& mac, unsigned mtu, std::uint32_t slots, Sent sent,
             std::size_t payload_alignment)
        : address(mac), mtu_now(mtu), name_(std::move(name)),
          sent_(std::move(sent)), layout_{slots, mtu + 18, payload_alignment},
          memory_(layout_.region_bytes()), pool_(memory_.bytes(), layout_) {
        max_slot_frame_ = pool_.frame_capacity();
        held_.reserve(slots);
    }

    /// A frame as the kernel would put it into a slot. Empty where no slot is free.
    std::optional<aoetarget::core::FrameSlot> receive(const Bytes& frame) {
        auto slot = pool_.take();
        if (!slot)
            return slot;
        std::memset(slot->capacity().data(), std::to_integer<int>(AlignedMemory::stale),
                    slot->capacity().size());
        if (!frame.empty())
            std::memcpy(slot->capacity().data(), frame.data(), frame.size());
        slot->set_length(frame.size());
        return slot;
    }

    [[nodiscard]] const std::string& name() const override { return name_; }
    [[nodiscard]] std::vector<std::string> names() const override {
        return other_name.empty() ? std::vector{name_} : std::vector{name_, other_name};
    }
    [[nodiscard]] aoetarget::MacAddress mac() const override { return to_mac(address); }
    [[nodiscard]] unsigned mtu() const override { return mtu_now; }
    [[nodiscard]] bool up() const override { return up_now; }
    [[nodiscard]] unsigned max_buffers() const override { return buffers_now; }
    [[nodiscard]] aoetarget::core::FramePool& pool() override { return pool_; }
    void send(aoetarget::core::FrameSlot slot) override {
        sent_(*this, slot.frame());
        if (slow)
            held_.push_back(std::move(slot));
    }

    /// From the next add_link() on.
    void advertise_every(std::chrono::seconds interval) { advertise_interval_ = interval; }
    /// Ends what is being sent; only with `slow`.
    void finish_sending() { held_.clear(); }
    [[nodiscard]] std::size_t free_slots() const { return pool_.free_slots(); }
    [[nodiscard]] bool all_slots_free() const { return pool_.free_slots() == pool_.slots(); }

    Mac address;
    unsigned mtu_now;
    unsigned buffers_now = 1000;
    bool up_now = true;
    std::string other_name;
    bool slow = false; ///< Slots stay in use until finish_sending().
    aoetarget::core::LinkId id = 0;

  private:
    const std::string name_;
    Sent sent_;
    aoetarget::core::FramePool::Layout layout_;
    AlignedMemory memory_;
    aoetarget::core::FramePool pool_;
    std::vector<aoetarget::core::FrameSlot> held_;
};

} // namespace aoetest
