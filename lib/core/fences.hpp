// The fence that mask lists and reservations imply (protocol/README.md, "The fence"): the answer to a command
// that sets or reads a list waits until no change of an excluded source can reach the device any more.
#pragma once

#include "core/export_state.hpp"
#include "core/scheduler.hpp"

namespace aoetarget::core {

class Fences {
  public:
    Fences(ExportFace& face, const ExportState& state, Scheduler& scheduler)
        : face_(face), state_(state), scheduler_(scheduler) {}

    /// Returns whether one more answer can wait. If not, it counts the command, which is to be dropped.
    [[nodiscard]] bool has_room();
    /// Sends the answer in the slot as soon as the fence permits.
    void send(FrameSlot slot, LinkId link, std::size_t bytes);
    /// Sends the answers that waited for the request, which is over.
    void release() {
        if (count_ > 0)
            send_released();
    }

  private:
    /// An answer that waits.
    struct Fence {
        FrameSlot slot;
        LinkId link = 0;
        std::size_t bytes = 0;
        std::uint64_t before = 0;
        Sender* holder = nullptr; ///< Counts the slot.
    };
    static constexpr std::size_t max_fences = 16;

    /// Returns whether a change that was admitted before `sequence` comes from an excluded source.
    [[nodiscard]] bool is_fencing(std::uint64_t sequence) const;
    void send_released();

    std::size_t count_ = 0;
    ExportFace& face_;
    const ExportState& state_;
    Scheduler& scheduler_;
    std::array<Fence, max_fences> fences_;
};

} // namespace aoetarget::core
