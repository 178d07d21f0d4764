// Unsolicited Query Config answers: an export has come, changed, or can be reached through another link
// (protocol.md 3.1).
#pragma once

#include "core/export.hpp"

namespace aoetarget::core {

class Announcer final : public AnnouncementSink {
  public:
    /// Some copies, a little apart: the first may be lost while a link or a switch port wakes up.
    static constexpr unsigned copies = 3;
    static constexpr Time interval = std::chrono::milliseconds(100);

    explicit Announcer(const Responder& responder) : responder_(responder) { pending_.reserve(max_pending); }

    /// Announces this export on every link.
    void changed(const Address& address) override { add({.address = address}); }
    /// Announces every export on this link.
    void link_changed(LinkId link) { add({.link = link}); }

    /// Sends what is due. `exports`: anything that can be walked and yields pointers to exports, ascending by
    /// address.
    template <typename Exports>
    void run(const Exports& exports, Time now);
    /// When run() has something to do next; empty: never.
    [[nodiscard]] std::optional<Time> next_due() const;
    /// Announcements that were given up because no slot was free.
    [[nodiscard]] std::uint64_t out_of_slots() const { return out_of_slots_; }

  private:
    static constexpr std::size_t max_pending = 64;
    /// When to go on after slots have run out.
    static constexpr Time pause = std::chrono::milliseconds(1);

    struct Pending {
        std::optional<LinkId> link{};     ///< Empty: all.
        std::optional<Address> address{}; ///< Empty: all.
        unsigned copies_left = copies;
        Time due{};     ///< Zero: at once.
        Address next{}; ///< The first export of which this copy has not spoken.
    };

    void add(const Pending& announcement);
    template <typename Exports>
    bool send_copy(const Exports& exports, Pending& announcement);
    bool send(const Export& exported, LinkId id);
    bool send_to(const Export& exported, Link& link, const MacAddress& destination);

    const Responder& responder_;
    std::vector<Pending> pending_;
    std::uint64_t out_of_slots_ = 0;
};

template <typename Exports>
void Announcer::run(const Exports& exports, Time now) {
    for (Pending& announcement : pending_) {
        if (announcement.due > now)
            continue;
        if (!send_copy(exports, announcement)) {
            announcement.due = now + pause;
            continue;
        }
        --announcement.copies_left;
        announcement.next = {};
        announcement.due = now + interval;
    }
    std::erase_if(pending_, [](const Pending& announcement) { return announcement.copies_left == 0; });
}

/// False where slots have run out: what is left is for later.
template <typename Exports>
bool Announcer::send_copy(const Exports& exports, Pending& announcement) {
    for (const auto& exported : exports) {
        const Address& address = exported->address();
        if (address < announcement.next || (announcement.address && *announcement.address != address))
            continue;
        for (LinkId id = 0; id < responder_.links.size(); ++id) {
            if (announcement.link && *announcement.link != id)
                continue;
            if (!send(*exported, id)) {
                announcement.next = address;
                return false;
            }
        }
    }
    return true;
}

} // namespace aoetarget::core
