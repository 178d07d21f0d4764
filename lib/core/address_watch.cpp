// Asks, listens and compares serial numbers.
#include "core/address_watch.hpp"

#include "protocol/ata.hpp"
#include "protocol/identify.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace aoetarget::core {

using namespace protocol;

namespace {

/// Sends what is in the slot, up to `bytes`, padded.
void send(Link& link, FrameSlot slot, const Header& header, std::size_t bytes) {
    header.write(slot.capacity());
    std::ranges::fill(slot.capacity().subspan(bytes, min_frame_bytes - bytes), std::byte{0});
    slot.set_length(min_frame_bytes);
    link.send(std::move(slot));
}

/// A stranger chose the text, which people will read on terminals.
std::string printable(std::string_view text) {
    std::string shown(text);
    std::ranges::replace_if(
        shown, [](char c) { return c < ' ' || c > '~'; }, '?');
    return shown;
}

} // namespace

void AddressWatch::link_changed(LinkId link) {
    if (events_ == nullptr)
        return;
    const auto same = std::ranges::find(questions_, link, &Question::link);
    if (same != questions_.end())
        *same = {.link = link};
    else
        questions_.push_back({.link = link});
}

void AddressWatch::exports_changed() {
    responder_.links.for_each([&](LinkId link) { link_changed(link); });
}

bool AddressWatch::run(Time now) {
    for (Question& question : questions_) {
        if (question.due > now)
            continue;
        ask_all(question.link);
        --question.copies_left;
        question.due = now + interval;
    }
    std::erase_if(questions_, [](const Question& question) { return question.copies_left == 0; });
    return recheck_conflicts(now);
}

bool AddressWatch::recheck_conflicts(Time now) {
    bool has_ended = false;
    for (Peer& peer : peers_) {
        if (!peer.conflicts || now - peer.asked < recheck)
            continue;
        if (now - peer.heard < 3 * recheck) {
            if (!ask_for_serial(peer.link, peer, now))
                peer.asked = now; // there is no room, or no such link now
            continue;
        }
        peer.conflicts = false;
        has_ended = true;
        events_->tell(
            Severity::notice, EventKind::address_conflict, to_string(peer.address),
            fmt::format("The target at {} does not answer for this address any more.", to_string(peer.mac)));
    }
    return has_ended;
}

std::optional<Time> AddressWatch::next_due() const {
    std::optional<Time> next;
    const auto sooner = [&](Time other) { next = std::min(next.value_or(other), other); };
    for (const Question& question : questions_)
        sooner(question.due);
    for (const Peer& peer : peers_) {
        if (peer.conflicts)
            sooner(peer.asked + recheck);
    }
    return next;
}

/// One question is enough for all addresses.
void AddressWatch::ask_all(LinkId link_id) {
    Link* link = responder_.links.find(link_id);
    const bool is_loopback = link != nullptr && link->mac() == MacAddress{}; // nobody else is there
    if (link == nullptr || !link->up() || is_loopback)
        return;
    auto slot = link->pool().take_spare();
    if (!slot)
        return;
    Header header;
    header.destination.bytes.fill(0xFF);
    header.source = link->mac();
    header.shelf = any_shelf;
    header.slot = any_slot;
    header.command = static_cast<std::uint8_t>(AoeCommand::query_config);
    header.tag = ++last_tag_;
    QueryConfig{}.write(slot->capacity()); // ConfigCommand::read
    send(*link, std::move(*slot), header, query_config_bytes);
}

bool AddressWatch::ask_for_serial(LinkId link_id, Peer& peer, Time now) {
    Link* link = responder_.links.find(link_id);
    auto slot = link != nullptr ? link->pool().take_spare() : std::nullopt;
    if (!slot)
        return false;
    peer.tag = ++last_tag_;
    peer.asked = now;
    Header header;
    header.destination = peer.mac;
    header.source = link->mac();
    header.shelf = peer.address.shelf;
    header.slot = peer.address.slot;
    header.command = static_cast<std::uint8_t>(AoeCommand::ata);
    header.tag = peer.tag;
    AtaRegisters registers;
    registers.count = 1;
    registers.command_or_status = ata_identify;
    registers.write(slot->capacity());
    send(*link, std::move(*slot), header, ata_header_bytes);
    return true;
}

/// What other interfaces of ours say on the same network is not foreign, and on the loopback interface all
/// that we say comes back.
bool AddressWatch::is_ours(const MacAddress& mac) const {
    bool found = false;
    responder_.links.for_each([&](LinkId link) { found |= responder_.links.find(link)->mac() == mac; });
    return found;
}

/// Returns null if there are too many already.
AddressWatch::Peer* AddressWatch::find_or_add(const Address& address, const MacAddress& mac, Time now) {
    const auto found = std::ranges::find_if(
        peers_, [&](const Peer& peer) { return peer.address == address && peer.mac == mac; });
    if (found != peers_.end())
        return &*found;
    if (peers_.size() == max_peers) {
        const auto oldest = std::ranges::min_element(
            peers_, {}, [](const Peer& peer) { return std::pair(peer.conflicts, peer.asked); });
        if (oldest->conflicts || now - oldest->asked < patience)
            return nullptr;
        peers_.erase(oldest);
    }
    peers_.push_back({.address = address, .mac = mac});
    return &peers_.back();
}

bool AddressWatch::hear(LinkId link_id, const Header& header, ConstBytes frame, const Address& ours,
                        const std::string& serial, Time now) {
    const Link* link = responder_.links.find(link_id);
    if (events_ == nullptr || link == nullptr || header.error != AoeError::none ||
        header.source.is_multicast() || is_ours(header.source))
        return false;
    if (header.command == static_cast<std::uint8_t>(AoeCommand::query_config)) {
        Peer* peer = find_or_add(ours, header.source, now);
        const bool is_due = peer != nullptr && (peer->asked == Time{} || now - peer->asked >= patience);
        return is_due && ask_for_serial(link_id, *peer, now);
    }
    if (header.command != static_cast<std::uint8_t>(AoeCommand::ata) ||
        frame.size() < ata_header_bytes + sector_bytes)
        return false;
    const auto peer = std::ranges::find_if(peers_, [&](const Peer& other) {
        return other.tag == header.tag && other.mac == header.source && other.address == ours;
    });
    if (peer == peers_.end() || peer->tag == 0)
        return false;
    peer->tag = 0; // answered
    peer->link = link_id;
    peer->heard = now;
    const IdentifySummary theirs = IdentifySummary::parse(frame.subspan(ata_header_bytes));
    compare(*peer, link->mac(), unpadded(std::string_view(serial).substr(0, max_serial)),
            unpadded({theirs.serial.data(), theirs.serial.size()}));
    return true;
}

void AddressWatch::compare(Peer& peer, const MacAddress& own_mac, std::string_view ours,
                           std::string_view theirs) {
    const std::string subject = to_string(peer.address);
    const bool was_told = std::exchange(peer.conflicts, ours != theirs) && ours != theirs;
    if (was_told)
        return;
    if (ours == theirs) {
        if (!std::exchange(peer.has_same_disk, true))
            events_->tell(
                Severity::notice, EventKind::address_conflict, subject,
                fmt::format("The target at {} answers for this address too, with the same serial number "
                            "as this one at {}. Initiators take them for two paths to one disk.",
                            to_string(peer.mac), to_string(own_mac)));
        return;
    }
    peer.has_same_disk = false;
    events_->tell(
        Severity::error, EventKind::address_conflict, subject,
        fmt::format("The target at {} answers for this address with another disk (serial number {}) than "
                    "this one at {} ({}). Initiators mix the blocks of both: stop one of them, or give it "
                    "another address.",
                    to_string(peer.mac), printable(theirs), to_string(own_mac), ours));
}

} // namespace aoetarget::core
