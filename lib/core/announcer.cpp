#include "core/announcer.hpp"

namespace aoetarget::core {

using namespace protocol;

void Announcer::add(const Pending& announcement) {
    for (Pending& other : pending_) {
        if (other.link == announcement.link && other.address == announcement.address) {
            other = announcement;
            return;
        }
    }
    if (pending_.size() < max_pending) {
        pending_.push_back(announcement);
    } else {
        pending_.clear(); // so many changes that everything may as well be announced
        pending_.push_back({});
    }
}

std::optional<Time> Announcer::next_due() const {
    std::optional<Time> next;
    for (const Pending& announcement : pending_)
        next = next ? std::min(*next, announcement.due) : announcement.due;
    return next;
}

/// To everybody, or to each of those who may ask; where slots run out among these, the rest learn it from
/// their next query. False where there was none to speak to everybody.
bool Announcer::send(const Export& exported, LinkId id) {
    Link* link = responder_.links.find(id);
    if (link == nullptr || !link->up())
        return true;
    if (exported.permitted().empty())
        return send_to(exported, *link, MacAddress::broadcast());
    for (const MacAddress& mac : exported.permitted()) {
        if (!send_to(exported, *link, mac)) {
            ++out_of_slots_;
            break;
        }
    }
    return true;
}

bool Announcer::send_to(const Export& exported, Link& link, const MacAddress& destination) {
    auto slot = link.pool().take();
    if (!slot)
        return false;
    const std::size_t bytes =
        exported.write_config(*slot, link, static_cast<std::uint8_t>(ConfigCommand::read));
    if (bytes == 0)
        return true; // the link cannot carry it
    Header header;
    header.destination = destination;
    header.source = link.mac();
    header.response = true;
    header.shelf = exported.address().shelf;
    header.slot = exported.address().slot;
    header.command = static_cast<std::uint8_t>(AoeCommand::query_config);
    header.tag = 0; // what Linux, macOS and OpenBSD expect of an answer that nobody asked for
    header.write(slot->capacity());
    const std::size_t length = std::max(bytes, min_frame_bytes);
    std::ranges::fill(slot->capacity().subspan(bytes, length - bytes), std::byte{0});
    slot->set_length(length);
    link.send(std::move(*slot));
    return true;
}

} // namespace aoetarget::core
