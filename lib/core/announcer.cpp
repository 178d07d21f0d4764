// Decides when an announcement is due, and to which host it goes next.
#include "core/announcer.hpp"

namespace aoetarget::core {

using namespace protocol;

void Announcer::changed(const Address& address) {
    responder_.links.for_each([&](LinkId id) { changed(address, id); });
}

void Announcer::add_link(LinkId link, Time regularly, Time now) {
    Schedule schedule{.link = link, .interval = regularly};
    if (regularly != Time{})
        schedule.due = now + regularly;
    schedules_.push_back(schedule);
    link_changed(link);
}

void Announcer::remove_link(LinkId link) {
    std::erase_if(schedules_, [&](const Schedule& schedule) { return schedule.link == link; });
}

void Announcer::options_changed(LinkId link) {
    const auto schedule = std::ranges::find(schedules_, link, &Schedule::link);
    if (schedule == schedules_.end())
        return;
    schedule->interval = responder_.links.find(link)->advertise_interval();
    schedule->due.reset();
    if (schedule->interval != Time{})
        schedule->due = Time{}; // with what is announced now, the time begins
    link_changed(link);
}

void Announcer::initiator_came(LinkId link) {
    const auto schedule = std::ranges::find(schedules_, link, &Schedule::link);
    if (schedule == schedules_.end())
        return;
    const Time due = schedule->last + between_arrivals;
    schedule->due = std::min(schedule->due.value_or(due), due);
}

void Announcer::begin_scheduled(Time now) {
    for (Schedule& schedule : schedules_) {
        if (!schedule.due || *schedule.due > now)
            continue;
        add({.link = schedule.link});
        schedule.last = now;
        schedule.due.reset();
        if (schedule.interval != Time{})
            schedule.due = now + schedule.interval;
    }
}

void Announcer::add(const Pending& announcement) {
    const auto find = [&](LinkId link, const std::optional<Address>& address) {
        return std::ranges::find_if(
            pending_, [&](const Pending& other) { return other.link == link && other.address == address; });
    };
    if (const auto same = find(announcement.link, announcement.address); same != pending_.end()) {
        restart(*same);
        return;
    }
    const auto is_same_link = [&](const Pending& other) { return other.link == announcement.link; };
    if (std::ranges::count_if(pending_, is_same_link) < max_pending_for_link) {
        pending_.push_back(announcement);
        return;
    }
    // Beyond this number of changes, it is simpler to announce everything.
    Pending everything{.link = announcement.link};
    if (const auto all = find(announcement.link, std::nullopt); all != pending_.end())
        everything = *all;
    restart(everything);
    std::erase_if(pending_, is_same_link);
    pending_.push_back(everything);
}

/// The copy under way is finished nevertheless: if changes follow each other, the last host would never get
/// one.
void Announcer::restart(Pending& announcement) {
    announcement.copies_left = announcement.is_begun() ? copies + 1 : copies;
    announcement.due = {};
}

std::optional<Time> Announcer::next_due() const {
    std::optional<Time> next;
    if (!pending_.empty()) {
        next = std::ranges::min(pending_, {}, &Pending::due).due;
        if (left_ == 0)
            next = std::max(*next, burst_end_);
    }
    for (const Schedule& schedule : schedules_) {
        if (schedule.due)
            next = std::min(next.value_or(*schedule.due), *schedule.due);
    }
    return next;
}

/// All announcements that are due advance by one frame at a time, so that a short one does not wait for a
/// long one.
void Announcer::run(Exports exports, Time now) {
    begin_scheduled(now);
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
                announcement.due = now + until_slots;
                break;
            case Step::over:
                --announcement.copies_left;
                announcement.due = now + interval;
                break;
            }
        }
    }
    std::erase_if(pending_, [&](const Pending& announcement) {
        return announcement.copies_left == 0 || responder_.links.find(announcement.link) == nullptr;
    });
}

/// Sends one more frame. The first hosts of all audiences come before the second of any, so no export waits
/// for the long list of another.
Announcer::Step Announcer::go_on(Exports exports, Pending& announcement) {
    Link* link = responder_.links.find(announcement.link);
    const auto is_left = [&](const auto& exported) {
        return announcement.concerns(*exported) &&
               announcement.entry < exported->audience(announcement.link).destinations();
    };
    while (link != nullptr && link->up() && std::ranges::any_of(exports, is_left)) {
        const auto from = std::ranges::lower_bound(exports, announcement.next, {},
                                                   [](const auto& exported) { return exported->address(); });
        const auto place = std::find_if(from, exports.end(), is_left);
        if (place == exports.end()) {
            ++announcement.entry;
            announcement.next = {};
            continue;
        }
        const auto destination = (*place)->audience(announcement.link).destination(announcement.entry);
        auto slot = destination ? link->pool().take_spare() : std::nullopt;
        if (destination && !slot)
            return Step::no_slot;
        announcement.next = (*place)->address();
        ++announcement.next.slot; // there are no more than 255
        if (!destination)
            continue;
        send(**place, *link, std::move(*slot), *destination);
        return Step::sent;
    }
    announcement.entry = 0;
    announcement.next = {};
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
    header.tag = 0; // Linux, macOS and OpenBSD expect this tag in unsolicited answers
    header.write(slot.capacity());
    const std::size_t length = std::max(bytes, min_frame_bytes);
    std::ranges::fill(slot.capacity().subspan(bytes, length - bytes), std::byte{0});
    slot.set_length(length);
    link.send(std::move(slot));
}

} // namespace aoetarget::core
