// Unsolicited Query Config answers: an export has come, changed, or can be reached through another link
// (lib/protocol/README.md, "Advertisements").
#pragma once

#include "core/export.hpp"

#include <memory>
#include <span>

namespace aoetarget::core {

/// Sends them in bursts, for there may be many: a mask list has up to 255 addresses, each of which gets its
/// own.
class Announcer final : public AnnouncementSink {
  public:
    /// Some copies, a little apart: the first may be lost while a link or a switch port wakes up.
    static constexpr unsigned copies = 3;
    static constexpr Time interval = std::chrono::milliseconds(100);
    /// No more frames than these in a pause, over all links: 64,000 of them a second take 43 Mbit/s, a burst
    /// fits the receive ring of any network card and costs the loop less than 100 us, and 1,000 exports
    /// without a mask list are announced within 16 ms.
    static constexpr std::size_t burst = 64;
    static constexpr Time pause = std::chrono::milliseconds(1);

    /// Ascending by address.
    using Exports = std::span<const std::unique_ptr<Export>>;

    explicit Announcer(const Responder& responder) : responder_(responder) {
        pending_.reserve(max_pending_for_link);
    }

    /// Announces this export on every link.
    void changed(const Address& address) override;
    /// Announces every export on this link.
    void link_changed(LinkId link) { add({.link = link}); }

    /// Sends what is due, as far as a burst goes.
    void run(Exports exports, Time now);
    /// When run() has something to do next; empty: never.
    [[nodiscard]] std::optional<Time> next_due() const;

  private:
    static constexpr std::ptrdiff_t max_pending_for_link = 64;
    /// When to go on after slots have run out.
    static constexpr Time until_slots = std::chrono::milliseconds(10);

    /// Each is for one link, so that none waits for the slots of another.
    struct Pending {
        LinkId link = 0;
        std::optional<Address> address{}; ///< Empty: all.
        unsigned copies_left = copies;
        Time due{}; ///< Zero: at once.
        // Where this copy goes on: with this host of the audiences, from this address on.
        std::size_t entry = 0;
        Address next{};

        [[nodiscard]] bool concerns(const Export& exported) const {
            return !address || *address == exported.address();
        }
        [[nodiscard]] bool is_begun() const { return entry > 0 || next != Address{}; }
    };
    enum class Step { sent, no_slot, over };

    void add(const Pending& announcement);
    static void restart(Pending& announcement);
    Step go_on(Exports exports, Pending& announcement);
    static void send(const Export& exported, Link& link, FrameSlot slot, const MacAddress& destination);

    const Responder& responder_;
    std::vector<Pending> pending_;
    Time burst_end_{};
    std::size_t left_ = burst; ///< Of the burst that ends then.
};

} // namespace aoetarget::core
