// Unsolicited Query Config answers: an export has come, changed, or can be reached through another link
// (lib/protocol/README.md, "Advertisements").
#pragma once

#include "core/export.hpp"

#include <memory>
#include <span>

namespace aoetarget::core {

/// Sends announcements in bursts, because there may be many: a mask list has up to 255 addresses, and each
/// gets its own.
class Announcer final : public AnnouncementSink {
  public:
    /// Several copies go out, a little apart, because the first may be lost while a link or a switch port
    /// wakes up.
    static constexpr unsigned copies = 3;
    static constexpr Time interval = std::chrono::milliseconds(100);
    /// At most this many frames leave between two pauses, over all links: 64,000 frames a second take 43
    /// Mbit/s, a burst fits the receive ring of any network card and costs the loop less than 100 us, and
    /// 1,000 exports without a mask list are announced within 16 ms.
    static constexpr std::size_t burst = 64;
    static constexpr Time pause = std::chrono::milliseconds(1);

    /// Ascending by address.
    using Exports = std::span<const std::unique_ptr<Export>>;

    /// New initiators bring at most one announcement a link in this time.
    static constexpr Time between_arrivals = std::chrono::seconds(1);

    explicit Announcer(const Responder& responder) : responder_(responder) {
        pending_.reserve(max_pending_for_link);
    }

    /// Announces this export on every link.
    void changed(const Address& address) override;
    void changed(const Address& address, LinkId link) override { add({.link = link, .address = address}); }
    /// Announces every export on this link, and again each time that `regularly` has passed if that is not 0.
    void add_link(LinkId link, Time regularly, Time now);
    void remove_link(LinkId link);
    /// Announces every export on this link, now or a little later, for an initiator that has come there.
    void initiator_came(LinkId link);
    /// Announces every export on this link.
    void link_changed(LinkId link) { add({.link = link}); }
    /// Does the same, and then regularly as the link says now.
    void options_changed(LinkId link);

    /// Sends the announcements that are due, up to the size of a burst.
    void run(Exports exports, Time now);
    /// Returns when run() has something to do next, or nothing if never.
    [[nodiscard]] std::optional<Time> next_due() const;

  private:
    static constexpr std::ptrdiff_t max_pending_for_link = 64;
    /// The time after which to continue when slots have run out.
    static constexpr Time until_slots = std::chrono::milliseconds(10);

    /// Each announcement is for one link, so that none waits for the slots of another.
    struct Pending {
        LinkId link = 0;
        std::optional<Address> address{}; ///< Empty for all exports.
        unsigned copies_left = copies;
        Time due{}; ///< Zero for at once.
        // The place at which this copy continues: this destination of the audiences, from this address on.
        std::size_t entry = 0;
        Address next{};

        [[nodiscard]] bool concerns(const Export& exported) const {
            return !address || *address == exported.address();
        }
        [[nodiscard]] bool is_begun() const { return entry > 0 || next != Address{}; }
    };
    /// The announcements of a link that no change brings.
    struct Schedule {
        LinkId link = 0;
        Time interval{}; ///< 0 for no regular ones.
        Time last = -between_arrivals;
        std::optional<Time> due{}; ///< When the next one begins.
    };
    enum class Step { sent, no_slot, over };

    void begin_scheduled(Time now);
    void add(const Pending& announcement);
    static void restart(Pending& announcement);
    Step go_on(Exports exports, Pending& announcement);
    static void send(const Export& exported, Link& link, FrameSlot slot, const MacAddress& destination);

    const Responder& responder_;
    std::vector<Schedule> schedules_; ///< One for each link.
    std::vector<Pending> pending_;
    Time burst_end_{};
    std::size_t left_ = burst; ///< Frames left in the burst that ends at that time.
};

} // namespace aoetarget::core
