// The way of a frame to its exports, and the turn of the loop.
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
                 .occupancy = {},
                 .completions = {},
                 .ready = {},
                 .turn = 0},
      announcer_(responder_),
      context_{responder_,       resources_,   announcer_, options.buffer_count, options.firmware_version,
               options.firmware, options.store} {
    resources_.operations.grow(resources_.pieces.size());
}

LinkId Core::add_link(Link& link, std::size_t slots) {
    slots_ += slots;
    if (slots_ > provided_slots_) { // what removed links have left is used again
        resources_.requests.grow(slots_ - provided_slots_);
        resources_.operations.grow(slots_ - provided_slots_);
        resources_.holdings.grow(slots_ - provided_slots_);
        provided_slots_ = slots_;
    }
    for (const auto& exported : exports_)
        exported->reserve(provided_slots_);
    const LinkId id = responder_.links.add(link, slots);
    announcer_.link_changed(id);
    return id;
}

void Core::remove_link(LinkId id) {
    slots_ -= responder_.links.remove(id);
}

void Core::add_export(const ExportOptions& options, std::unique_ptr<BlockDevice> device,
                      const Geometry& geometry, ProtocolState state) {
    assert(find(options.address) == nullptr);
    if (!options.mask_list.empty()) {
        state.mask_list.clear();
        for (const MacAddress& mac : options.mask_list)
            state.mask_list.add(mac);
    }
    const std::ptrdiff_t place = place_of(options.address);
    const auto added =
        exports_.insert(exports_.begin() + place,
                        std::make_unique<Export>(options, std::move(device), geometry, state, context_));
    addresses_.insert(addresses_.begin() + place, options.address);
    (*added)->reserve(provided_slots_);
    if (exports_.size() + closing_.size() > provided_flushes_) {
        resources_.operations.grow(1); // the flush at its end
        ++provided_flushes_;
    }
    resources_.ready.reserve(exports_.size() + closing_.size());
    closing_.reserve(exports_.size() + closing_.size());
    announcer_.changed(options.address);
}

bool Core::remove_export(const Address& address) {
    if (find(address) == nullptr)
        return false;
    const std::ptrdiff_t place = place_of(address);
    const auto removed = exports_.begin() + place;
    (*removed)->close();
    closing_.push_back(std::move(*removed));
    exports_.erase(removed);
    addresses_.erase(addresses_.begin() + place);
    return true;
}

/// Of the export with this address, or where it would be.
std::ptrdiff_t Core::place_of(const Address& address) const {
    return std::ranges::lower_bound(addresses_, address) - addresses_.begin();
}

Export* Core::find(const Address& address) const {
    const auto place = static_cast<std::size_t>(place_of(address));
    return place < addresses_.size() && addresses_[place] == address ? exports_[place].get() : nullptr;
}

std::vector<Address> Core::visible_addresses() const {
    std::vector<Address> visible;
    for (const auto& exported : exports_) {
        if (!exported->audience().empty())
            visible.push_back(exported->address());
    }
    return visible;
}

/// The tests of lib/protocol/README.md, "Every received frame", in its order.
bool Core::receive(LinkId link, FrameSlot slot) {
    const auto header = Header::parse(slot.frame());
    if (!header)
        return false;
    if (slot.arrival() == Time{})
        slot.set_arrival(now_);
    if (header->ethertype !=
        ethertype_aoe) // a VLAN tag, say; test 3 is the link's, which knows how the frame came in
        return false;
    if (header->response || header->source.is_multicast())
        return false;
    if (header->is_wildcard())
        return receive_wildcard(link, std::move(slot));
    Export* exported = find({header->shelf, header->slot});
    return exported != nullptr && exported->audience().includes(header->source) &&
           exported->receive(*header, link, std::move(slot));
}

bool Core::receive_wildcard(LinkId link, FrameSlot slot) {
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

/// Hands each export that is meant, and that the host sees, a copy of the frame, and the last of them the
/// frame itself. False: no slot is free for a copy now.
bool Core::spread(Wildcard& wildcard, bool& acted) {
    const Header header = *Header::parse(wildcard.slot.frame());
    auto candidate = exports_.begin() + place_of(wildcard.next);
    const auto next_match = [&](auto from) {
        return std::find_if(from, exports_.end(), [&](const auto& e) {
            return header.addresses(e->address()) && e->audience().includes(header.source);
        });
    };
    candidate = next_match(candidate);
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

/// Returns whether any of them got further.
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
    if (!closed_) {
        sooner(announcer_.next_due());
        sooner(resources_.pieces.next_expiry());
    }
    return next;
}

void Core::turn(Time now) {
    now_ = now;
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
    if (!closed_)
        announcer_.run(exports_, now);
    destroy_idle();
}

/// One after the other, and each is out of the list before it goes: a device that is destroyed may add and
/// remove exports.
void Core::destroy_idle() {
    for (std::size_t i = 0; i < closing_.size();) {
        if (!closing_[i]->idle()) {
            ++i;
            continue;
        }
        std::swap(closing_[i], closing_.back());
        const std::unique_ptr<Export> gone = std::move(closing_.back());
        closing_.pop_back();
    }
}

void Core::clear() {
    assert(closed_);
    while (!addresses_.empty())
        remove_export(addresses_.back());
    while (!closing_.empty()) {
        const std::unique_ptr<Export> gone = std::move(closing_.back());
        closing_.pop_back();
    }
}

void Core::close() {
    if (std::exchange(closed_, true))
        return;
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

std::vector<ExportStats> Core::export_stats() const {
    std::vector<ExportStats> all;
    for (const auto& exported : exports_)
        all.push_back(exported->stats());
    return all;
}

} // namespace aoetarget::core
