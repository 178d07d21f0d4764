// Brings a frame to its exports, and does the core's part of a turn.
#include "core/core.hpp"

#include <cassert>

namespace aoetarget::core {

using namespace protocol;

Core::Core(const Options& options)
    : resources_{.requests = {},
                 .operations = {},
                 .holdings = Holdings(options.buffer_count),
                 .bounce = BouncePool(options.bounce_memory),
                 .pieces = PieceStore(options.ahead_memory, options.piece_sectors),
                 .content_hash = ContentHash(options.seed),
                 .history_budget = {},
                 .occupancy = {},
                 .completions = {},
                 .ready = {},
                 .turn = 0,
                 .traffic = {},
                 .initiators = {},
                 .lengths = {},
                 .now = {}},
      announcer_(responder_), watch_(responder_, options.watches_addresses ? options.events : nullptr),
      context_{.responder = responder_,
               .resources = resources_,
               .announcements = announcer_,
               .firmware_version = options.firmware_version,
               .firmware = options.firmware,
               .store = options.store,
               .events = options.events,
               .retired = retired_} {
    resources_.operations.grow(resources_.pieces.size());
}

LinkId Core::add_link(Link& link, std::size_t slots) {
    slots_ += slots;
    if (slots_ > provided_slots_) { // room for slots of removed links is used again
        resources_.requests.grow(slots_ - provided_slots_);
        resources_.operations.grow(slots_ - provided_slots_);
        resources_.holdings.grow(slots_ - provided_slots_);
        provided_slots_ = slots_;
    }
    for (const auto& exported : exports_)
        exported->reserve(provided_slots_);
    const LinkId id = responder_.links.add(link, slots);
    for (const auto& exported : exports_)
        exported->add_link(id, link.names());
    announcer_.add_link(id, link.advertise_interval(), now_);
    watch_.link_changed(id);
    return id;
}

void Core::remove_link(LinkId id) {
    slots_ -= responder_.links.remove(id);
    announcer_.remove_link(id);
    for (const auto& exported : exports_)
        exported->remove_link(id);
}

/// The tests of lib/protocol/README.md, "Every received frame", in its order.
bool Core::receive(LinkId link, FrameSlot slot) {
    const auto header = Header::parse(slot.frame());
    if (!header)
        return false;
    if (slot.arrival() == Time{})
        slot.set_arrival(std::max(now_, resources_.now));
    if (header->ethertype !=
        ethertype_aoe) // for example a VLAN tag; the link does test 3, because it knows how the frame came in
        return false;
    if (header->response)
        return receive_answer(link, *header, slot.frame());
    if (header->source.is_multicast())
        return false;
    if (header->destination == MacAddress::broadcast() && may_see_any(link, header->source) &&
        !watch_.has_asked(*header))
        meet(*header, link);
    if (header->is_wildcard())
        return receive_wildcard(*header, link, std::move(slot));
    Export* exported = find({header->shelf, header->slot});
    if (exported == nullptr || !exported->audience(link).includes(header->source))
        return false;
    meet(*header, link);
    return exported->receive(*header, link, std::move(slot));
}

bool Core::may_see_any(LinkId link, const MacAddress& host) const {
    return std::ranges::any_of(exports_,
                               [&](const auto& exported) { return exported->audience(link).includes(host); });
}

/// Takes note of an initiator that sees an export, whether it has asked for that one or for another. One that
/// is new and broadcasts may have come up a moment ago, so that the way to it does not work yet: it gets more
/// than the answer.
void Core::meet(const Header& header, LinkId link) {
    if (!initiators_.is_new(header.source, now_))
        return;
    if (header.destination == MacAddress::broadcast())
        announcer_.initiator_came(link);
    const Link* from = responder_.links.find(link);
    if (context_.events != nullptr && from != nullptr)
        context_.events->tell(Severity::notice, EventKind::initiator_new, to_string(header.source),
                              "This initiator is new here. Its first request came through " + from->name() +
                                  ".");
}

/// An answer for an address of ours comes from another target, or was made up.
bool Core::receive_answer(LinkId link, const Header& header, ConstBytes frame) {
    const Export* exported = find({header.shelf, header.slot});
    if (exported == nullptr || exported->audience(link).empty() ||
        !watch_.hear(link, header, frame, exported->address(), exported->serial(), now_))
        return false;
    note_conflicts();
    return true;
}

void Core::note_conflicts() {
    for (const auto& exported : exports_)
        exported->set_conflict(watch_.has_conflict(exported->address()));
}

bool Core::receive_wildcard(const Header& header, LinkId link, FrameSlot slot) {
    if (watch_.has_asked(header))
        return false;
    Wildcard wildcard{std::move(slot), link, {}};
    bool acted = false;
    if (spread(wildcard, acted))
        return acted;
    if (wildcard_count_ == max_wildcards || !resources_.holdings.begin_wait(wildcard.slot.pool())) {
        ++out_of_slots_;
        return true;
    }
    wildcards_[wildcard_count_++] = std::move(wildcard);
    return true;
}

/// Hands a copy of the frame to each export that is meant and that the host sees, and the frame itself to the
/// last of them. Returns false if no slot is free for a copy now.
bool Core::spread(Wildcard& wildcard, bool& acted) {
    const Header header = *Header::parse(wildcard.slot.frame());
    auto candidate = exports_.begin() + place_of(wildcard.next);
    const auto next_match = [&](auto from) {
        return std::find_if(from, exports_.end(), [&](const auto& e) {
            return header.addresses(e->address()) && e->audience(wildcard.link).includes(header.source);
        });
    };
    candidate = next_match(candidate);
    if (candidate != exports_.end())
        meet(header, wildcard.link);
    while (candidate != exports_.end()) {
        const auto following = next_match(candidate + 1);
        if (following == exports_.end()) {
            acted = (*candidate)->receive(header, wildcard.link, std::move(wildcard.slot)) || acted;
            return true;
        }
        auto copy = wildcard.slot.pool().take();
        if (!copy) {
            wildcard.next = (*candidate)->address();
            return false;
        }
        std::ranges::copy(wildcard.slot.frame(), copy->capacity().begin());
        copy->set_length(wildcard.slot.frame().size());
        copy->set_arrival(wildcard.slot.arrival());
        acted = (*candidate)->receive(header, wildcard.link, std::move(*copy)) || acted;
        candidate = following;
    }
    return true;
}

/// Returns whether any of them advanced.
bool Core::resume_wildcards() {
    std::size_t kept = 0;
    bool acted = false;
    for (std::size_t i = 0; i < wildcard_count_; ++i) {
        FramePool& pool = wildcards_[i].slot.pool();
        if (spread(wildcards_[i], acted))
            resources_.holdings.end_wait(pool);
        else
            std::swap(wildcards_[kept++], wildcards_[i]);
    }
    for (std::size_t i = kept; i < wildcard_count_; ++i)
        wildcards_[i] = {};
    wildcard_count_ = kept;
    return acted;
}

std::optional<Time> Core::next_deadline() const {
    std::optional<Time> next = resources_.holdings.next_look();
    const auto sooner = [&](std::optional<Time> other) {
        if (other)
            next = next ? std::min(*next, *other) : other;
    };
    sooner(resources_.traffic.next_due());
    if (!closed_) {
        sooner(announcer_.next_due());
        sooner(watch_.next_due());
        sooner(resources_.pieces.next_expiry());
    }
    if (next_overdue_)
        sooner(std::max(*next_overdue_, now_ + until_slots));
    return next;
}

void Core::turn(Time now) {
    now_ = resources_.now = now;
    resources_.holdings.begin_turn(now);
    resources_.pieces.expire(now);
    ++resources_.turn;
    ended_operations_ = 0;
    for (bool busy = true; busy;) {
        busy = resume_wildcards(); // slots may also become free below
        int error = 0;
        while (Io* io = resources_.completions.pop(error)) {
            ++ended_operations_;
            auto& operation = static_cast<Operation&>(*io);
            if (resources_.turn > operation.started_turn + 1)
                last_waited_turn_ = resources_.turn;
            operation.scheduler->completed(operation, error);
            busy = true;
        }
        while (!resources_.ready.empty()) {
            Scheduler* scheduler = resources_.ready.back();
            resources_.ready.pop_back();
            scheduler->dispatch();
            busy = true;
        }
    }
    give_up_overdue();
    resources_.traffic.run(now, context_.events);
    if (!closed_) {
        announcer_.run(exports_, now);
        if (watch_.run(now))
            note_conflicts();
    }
    destroy_idle();
}

/// Looks at every request under way, but only at a moment when one may be overdue: so it costs requests
/// nothing.
void Core::give_up_overdue() {
    if (resources_.operations.lent() == 0) {
        next_overdue_.reset();
        return;
    }
    if (!next_overdue_ && shortest_timeout_ != Time::max())
        next_overdue_ = now_ + shortest_timeout_;
    if (!next_overdue_ || now_ < *next_overdue_)
        return;
    next_overdue_ = now_ + shortest_timeout_; // for requests that arrive from now on
    for (const auto* list : {&exports_, &closing_}) {
        for (const auto& exported : *list) {
            if (const auto next = exported->give_up_overdue(now_))
                next_overdue_ = std::min(*next_overdue_, *next);
        }
    }
}

/// Exports go one after the other, and each leaves the list before it is destroyed, because the destructor of
/// a device may add and remove exports.
void Core::destroy_idle() {
    destroy_retired();
    for (std::size_t i = 0; i < closing_.size();) {
        if (!closing_[i]->idle()) {
            ++i;
            continue;
        }
        std::swap(closing_[i], closing_.back());
        destroy_last_closing();
    }
}

/// The last chance to tell that the flush at its end failed: its own counters go with it.
void Core::destroy_last_closing() {
    const std::unique_ptr<Export> gone = std::move(closing_.back());
    closing_.pop_back();
    if (gone->last_flush_error() != 0)
        ++failed_last_flushes_;
}

void Core::destroy_retired() {
    while (!retired_.empty()) {
        const std::unique_ptr<BlockDevice> gone = std::move(retired_.back());
        retired_.pop_back();
    }
}

void Core::clear() {
    assert(closed_);
    while (!addresses_.empty())
        remove_export(addresses_.back());
    destroy_retired();
    while (!closing_.empty())
        destroy_last_closing();
}

void Core::close() {
    if (std::exchange(closed_, true))
        return;
    out_of_slots_ += wildcard_count_;
    for (; wildcard_count_ > 0; --wildcard_count_) {
        resources_.holdings.end_wait(wildcards_[wildcard_count_ - 1].slot.pool());
        wildcards_[wildcard_count_ - 1] = {};
    }
    for (const auto& exported : exports_)
        exported->close();
}

bool Core::idle() const {
    const auto is_idle = [](const auto& exported) { return exported->idle(); };
    return std::ranges::all_of(exports_, is_idle) && std::ranges::all_of(closing_, is_idle);
}

void Core::tell_waits() const {
    for (const auto* list : {&exports_, &closing_}) {
        for (const auto& exported : *list) {
            if (!exported->idle())
                exported->tell_wait();
        }
    }
}

std::vector<ExportStats> Core::export_stats(Time now) const {
    std::vector<ExportStats> all;
    for (const auto& exported : exports_)
        all.push_back(exported->stats(now));
    return all;
}

} // namespace aoetarget::core
