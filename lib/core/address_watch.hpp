// Looks for other targets that answer for addresses of ours. Initiators take two targets with one address for
// two paths to one disk, and mix their blocks if they are two disks.
#pragma once

#include "core/event_log.hpp"
#include "core/responder.hpp"

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

namespace aoetarget::core {

/// Asks all targets on a link for their addresses, and whoever has one of ours for its serial number. It also
/// takes what others say unasked: advertisements.
class AddressWatch {
  public:
    /// A target that conflicts is asked again after this time. If it has not answered for three times as
    /// long, it is gone.
    static constexpr Time recheck = std::chrono::seconds(20);

    /// If `events` is null, it does nothing.
    AddressWatch(const Responder& responder, EventLog* events) : responder_(responder), events_(events) {
        peers_.reserve(max_peers);
    }

    /// The link has come up, or is another: asks who is there.
    void link_changed(LinkId link);
    /// An export has come: asks on all links.
    void exports_changed();
    /// The export with this address is gone.
    void forget(const Address& address) {
        std::erase_if(peers_, [&](const Peer& peer) { return peer.address == address; });
    }
    /// Whether this is a question of ours, which another interface of ours has received.
    [[nodiscard]] bool has_asked(const protocol::Header& header) const {
        return header.tag > first_tag && header.tag <= last_tag_ && is_ours(header.source);
    }
    /// Takes an answer for our address `ours`, whose export has this serial number. Returns whether it was of
    /// use.
    bool hear(LinkId link, const protocol::Header& header, ConstBytes frame, const Address& ours,
              const std::string& serial, Time now);

    /// Sends the questions that are due. Returns whether a conflict has ended.
    bool run(Time now);
    /// Returns whether another target answers for this address of ours with another disk.
    [[nodiscard]] bool has_conflict(const Address& address) const {
        return std::ranges::any_of(
            peers_, [&](const Peer& peer) { return peer.conflicts && peer.address == address; });
    }
    /// Returns when run() has something to do next, or nothing if never.
    [[nodiscard]] std::optional<Time> next_due() const;

  private:
    /// A question to all targets of a link. It goes out more than once, because the first may be lost while a
    /// switch port wakes up.
    struct Question {
        LinkId link = 0;
        unsigned copies_left = copies;
        Time due{}; ///< Zero for at once.
    };
    /// Another target that answers for an address of ours.
    struct Peer {
        Address address;
        MacAddress mac;
        std::uint32_t tag = 0; ///< Of the question for its serial number.
        Time asked{};
        bool has_same_disk = false;
        bool conflicts = false; ///< It has another disk, and is asked now and then whether it is still there.
        LinkId link = 0;        ///< That led to it last.
        Time heard{};           ///< When it last told its serial number.
    };
    static constexpr unsigned copies = 2;
    static constexpr Time interval = std::chrono::milliseconds(500);
    // These bound what somebody who makes answers up can have us send: this many questions in this time.
    static constexpr std::size_t max_peers = 64;
    static constexpr Time patience = std::chrono::seconds(1);

    [[nodiscard]] bool is_ours(const MacAddress& mac) const;
    Peer* find_or_add(const Address& address, const MacAddress& mac, Time now);
    void ask_all(LinkId link);
    bool recheck_conflicts(Time now);
    bool ask_for_serial(LinkId link, Peer& peer, Time now);
    void compare(Peer& peer, const MacAddress& own_mac, std::string_view ours, std::string_view theirs);

    const Responder& responder_;
    EventLog* events_;
    std::vector<Question> questions_;
    std::vector<Peer> peers_;
    static constexpr std::uint32_t first_tag = 0x414F4500; ///< Not 0, which marks advertisements.
    std::uint32_t last_tag_ = first_tag;
};

} // namespace aoetarget::core
