// The hosts that see an export over a link. Export::audience() alone decides that, and these ask it:
//
// - Core, of each frame: for a host that is not in the audience the export is not there.
// - Core, of each request to several exports: no copy is made for an export that the host does not see.
// - Announcer: an advertisement goes to the audience and to nobody else, unless patterns describe the
//   audience. Then it is a broadcast, because their hosts are not known.
// - Core::visible_addresses(): a link lets in requests for the exports that it may serve, through the socket
//   filter and the map of the XDP program. These know addresses only: whether the host is in it, Core asks.
#pragma once

#include "core/mac_list.hpp"

#include <optional>

namespace aoetarget::core {

class Audience {
  public:
    static Audience nobody() { return Audience(false, {}, {}); }
    static Audience everybody() { return Audience(true, {}, {}); }
    /// Returns the hosts that both lists admit. An empty list admits everybody.
    static Audience of(std::span<const MacPattern> allowed, const MacList& masked) {
        return Audience(true, allowed, masked.entries());
    }

    [[nodiscard]] bool empty() const { return !exists_; }
    [[nodiscard]] bool includes(const MacAddress& host) const {
        return exists_ && allows(host) &&
               (masked_.empty() || std::ranges::find(masked_, host) != masked_.end());
    }

    /// Returns how many destinations a message to the whole audience has at most.
    [[nodiscard]] std::size_t destinations() const {
        if (!exists_)
            return 0;
        return !masked_.empty() ? masked_.size() : is_exact() ? allowed_.size() : 1;
    }
    /// Returns the destination with this number: a host, or the broadcast address. It is nothing if the host
    /// is only on the mask list.
    [[nodiscard]] std::optional<MacAddress> destination(std::size_t number) const {
        if (masked_.empty())
            return is_exact() ? allowed_[number].address : MacAddress::broadcast();
        return allows(masked_[number]) ? std::optional(masked_[number]) : std::nullopt;
    }

  private:
    Audience(bool exists, std::span<const MacPattern> allowed, std::span<const MacAddress> masked)
        : exists_(exists), allowed_(allowed), masked_(masked) {}

    [[nodiscard]] bool allows(const MacAddress& host) const {
        return allowed_.empty() || std::ranges::any_of(allowed_, [&](const MacPattern& pattern) {
                   return pattern.matches(host);
               });
    }
    [[nodiscard]] bool is_exact() const {
        return !allowed_.empty() && std::ranges::all_of(allowed_, &MacPattern::is_exact);
    }

    bool exists_;
    std::span<const MacPattern> allowed_; ///< The operator's list.
    std::span<const MacAddress> masked_;  ///< The mask list.
};

} // namespace aoetarget::core
