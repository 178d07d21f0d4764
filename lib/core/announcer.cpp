#include "core/announcer.hpp"

namespace aoetarget::core {

using namespace protocol;

namespace {

/// Everybody counts as the only entry of an empty list.
bool has_entry(const Export& exported, std::size_t entry) {
    return entry < std::max<std::size_t>(exported.permitted().size(), 1);
}

MacAddress entry_of(const Export& exported, std::size_t entry) {
    return exported.permitted().empty() ? MacAddress::broadcast() : exported.permitted()[entry];
}

/// The last slots of a pool are for requests.
std::optional<FrameSlot> take_spare(FramePool& pool) {
    if (pool.free_slots() <= pool.slots() / 8)
        return std::nullopt;
    return pool.take();
}

} // namespace

void Announcer::add(const Pending& announcement) {
    const auto find = [&](const Pending& wanted) {
        return std::ranges::find_if(pending_, [&](const Pending& other) {
            return other.link == wanted.link && other.address == wanted.address;
        });
    };
    if (const auto same = find(announcement); same != pending_.end()) {
        restart(*same);
    } else if (pending_.size() < max_pending) {
        pending_.push_back(announcement);
    } else { // so many changes that everything may as well be announced
        Pending everything;
        if (const auto all = find(everything); all != pending_.end())
            everything = *all;
        restart(everything);
        pending_.clear();
        pending_.push_back(everything);
    }
}

/// The copy under way is finished all the same: where changes follow each other, the last in line would never
/// get one.
void Announcer::restart(Pending& announcement) {
    announcement.copies_left = announcement.is_begun() ? copies + 1 : copies;
    announcement.due = {};
}

std::optional<Time> Announcer::next_due() const {
    if (pending_.empty())
        return std::nullopt;
    const Time next = std::ranges::min(pending_, {}, &Pending::due).due;
    return left_ > 0 ? next : std::max(next, burst_end_);
}

/// All that is due gets on by one frame at a time, so that a short announcement does not wait for a long one.
void Announcer::run(Exports exports, Time now) {
    if (pending_.empty())
        return;
    if (now >= burst_end_) {
        burst_end_ = now + pause;
        left_ = burst;
    }
    for (bool busy = true; busy && left_ > 0;) {
        busy = false;
        for (Pending& announcement : pending_) {
            if (announcement.due > now || left_ == 0)
                continue;
            switch (go_on(exports, announcement)) {
            case Step::sent:
                --left_;
                busy = true;
                break;
            case Step::no_slot:
                announcement.due = now + pause;
                break;
            case Step::over:
                --announcement.copies_left;
                announcement.due = now + interval;
                break;
            }
        }
    }
    std::erase_if(pending_, [](const Pending& announcement) { return announcement.copies_left == 0; });
}

/// One frame further. The first entries of all mask lists come before the second of any: so no export waits
/// for the long list of another.
Announcer::Step Announcer::go_on(Exports exports, Pending& announcement) {
    const auto is_left = [&](const auto& exported) {
        return announcement.concerns(*exported) && has_entry(*exported, announcement.entry);
    };
    do {
        auto place = std::ranges::lower_bound(exports, announcement.next, {},
                                              [](const auto& exported) { return exported->address(); });
        for (; place != exports.end(); ++place) {
            if (!is_left(*place))
                continue;
            if (const Step step = go_on(**place, announcement); step != Step::over)
                return step;
        }
        ++announcement.entry;
        announcement.next = {};
        announcement.next_link = 0;
    } while (std::ranges::any_of(exports, is_left));
    announcement.entry = 0;
    return Step::over;
}

/// The same for the links of one export and one entry.
Announcer::Step Announcer::go_on(const Export& exported, Pending& announcement) {
    if (announcement.next != exported.address()) {
        announcement.next = exported.address();
        announcement.next_link = 0;
    }
    for (LinkId& id = announcement.next_link; id < responder_.links.size(); ++id) {
        Link* link = responder_.links.find(id);
        if (link == nullptr || !link->up() || (announcement.link && *announcement.link != id))
            continue;
        auto slot = take_spare(link->pool());
        if (!slot)
            return Step::no_slot;
        send(exported, *link, std::move(*slot), entry_of(exported, announcement.entry));
        ++id;
        return Step::sent;
    }
    return Step::over;
}

void Announcer::send(const Export& exported, Link& link, FrameSlot slot, const MacAddress& destination) {
    const std::size_t bytes =
        exported.write_config(slot, link, static_cast<std::uint8_t>(ConfigCommand::read));
    if (bytes == 0)
        return; // the link cannot carry it
    Header header;
    header.destination = destination;
    header.source = link.mac();
    header.response = true;
    header.shelf = exported.address().shelf;
    header.slot = exported.address().slot;
    header.command = static_cast<std::uint8_t>(AoeCommand::query_config);
    header.tag = 0; // what Linux, macOS and OpenBSD expect of an answer that nobody asked for
    header.write(slot.capacity());
    const std::size_t length = std::max(bytes, min_frame_bytes);
    std::ranges::fill(slot.capacity().subspan(bytes, length - bytes), std::byte{0});
    slot.set_length(length);
    link.send(std::move(slot));
}

} // namespace aoetarget::core
