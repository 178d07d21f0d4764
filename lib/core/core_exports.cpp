// How exports come to the core, change, and go.
#include "core/core.hpp"

#include <cassert>

namespace aoetarget::core {

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
    responder_.links.for_each([&](LinkId id) { (*added)->add_link(id, responder_.links.find(id)->names()); });
    if (exports_.size() + closing_.size() > provided_exports_) {
        resources_.operations.grow(Export::own_flushes);
        ++provided_exports_;
    }
    (*added)->set_conflict(watch_.has_conflict(options.address));
    note_timeout(options.device_timeout);
    resources_.ready.reserve(exports_.size() + closing_.size());
    closing_.reserve(exports_.size() + closing_.size());
    announcer_.changed(options.address);
    watch_.exports_changed();
}

void Core::note_timeout(Time timeout) {
    if (timeout == Time{})
        return;
    shortest_timeout_ = std::min(shortest_timeout_, timeout);
    if (next_overdue_)
        next_overdue_ = std::min(*next_overdue_, now_ + timeout);
}

bool Core::change_export(const ExportOptions& options, Time now) {
    Export* exported = find(options.address);
    if (exported == nullptr)
        return false;
    now_ = std::max(now_, now); // frames that do not tell when they came, come after the change
    if (exported->change(options, now_))
        watch_.exports_changed();
    note_timeout(options.device_timeout);
    if (resources_.operations.lent() > 0 && shortest_timeout_ != Time::max())
        next_overdue_ = now_; // requests under way may be overdue by the new timeout
    return true;
}

void Core::replace_device(const Address& address, std::unique_ptr<BlockDevice> device,
                          const Geometry& geometry, const std::string& what) {
    find(address)->replace_device(std::move(device), geometry, what);
}

std::uint64_t Core::resize_export(const Address& address) {
    Export* exported = find(address);
    return exported != nullptr ? exported->resize() : 0;
}

bool Core::remove_export(const Address& address, std::shared_ptr<void> hold) {
    if (find(address) == nullptr)
        return false;
    const std::ptrdiff_t place = place_of(address);
    const auto removed = exports_.begin() + place;
    (*removed)->close(std::move(hold));
    resources_.initiators.forget(address);
    watch_.forget(address);
    closing_.push_back(std::move(*removed));
    exports_.erase(removed);
    addresses_.erase(addresses_.begin() + place);
    return true;
}

/// Returns the index of the export with this address, or the index at which it would be.
std::ptrdiff_t Core::place_of(const Address& address) const {
    return std::ranges::lower_bound(addresses_, address) - addresses_.begin();
}

Export* Core::find(const Address& address) const {
    const auto place = static_cast<std::size_t>(place_of(address));
    return place < addresses_.size() && addresses_[place] == address ? exports_[place].get() : nullptr;
}

std::optional<Address> Core::find_user(const BlockDevice& device) const {
    const auto found =
        std::ranges::find_if(exports_, [&](const auto& exported) { return exported->uses(device); });
    return found != exports_.end() ? std::optional((*found)->address()) : std::nullopt;
}

std::vector<Address> Core::visible_addresses(const std::vector<std::string>& names) const {
    std::vector<Address> visible;
    for (const auto& exported : exports_) {
        if (exported->serves(names))
            visible.push_back(exported->address());
    }
    return visible;
}

std::vector<Address> Core::visible_addresses(LinkId link) const {
    std::vector<Address> visible;
    for (const auto& exported : exports_) {
        if (!exported->audience(link).empty())
            visible.push_back(exported->address());
    }
    return visible;
}

} // namespace aoetarget::core
