// When a link is made for an interface, and when it is closed.
#include "link_set.hpp"

#include "checks.hpp"
#include "net/interface_events.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <utility>

namespace aoetarget {
namespace {

constexpr core::Time retry_interval = std::chrono::seconds(1);

/// It is gone again, or too small to carry a sector: the kernel tells when that changes. Or the news were of
/// an interface that is gone, and the next one of its name is served already.
bool passes_by_itself(const std::system_error& error) {
    const int code = error.code().value();
    return code == ENODEV || code == EMSGSIZE || code == EEXIST;
}

[[noreturn]] void refuse_twice(const std::string& name) {
    refuse(EEXIST, fmt::format("interface {}: it is already in use by this target; name it once", name));
}

/// Adds the program that this process has for the interface already, which it may not be able to attach
/// again, and which kept another process from attaching one.
std::shared_ptr<const net::InterfaceRights> with_program(std::shared_ptr<const net::InterfaceRights> rights,
                                                         std::shared_ptr<net::XdpProgram> program) {
    if (program == nullptr)
        return rights;
    auto all = std::make_shared<net::InterfaceRights>();
    if (rights != nullptr)
        all->sockets = rights->sockets;
    all->program = std::move(program);
    all->is_of_link = true;
    return all;
}

} // namespace

void LinkSet::add(const std::string& name, const InterfaceOptions& options,
                  std::shared_ptr<const net::InterfaceRights> rights) {
    const bool is_wanted = std::ranges::find(wanted_, name, &Wanted::name) != wanted_.end();
    const auto named = std::ranges::find_if(
        served_, [&](const Served& served) { return !net::is_pattern(name) && served.link->has_name(name); });
    if (is_wanted || (named != served_.end() && !named->by_pattern()))
        refuse_twice(name);
    if (named != served_.end()) { // a name goes before a pattern
        if (options.link != LinkKind::packet)
            rights = with_program(std::move(rights), named->link->give_up_lane());
        close(named);
    }
    try {
        if (options.wait || net::is_pattern(name))
            add_waiting({name, options, std::move(rights)});
        else
            open(name, {name, options, std::move(rights)}, true);
    } catch (...) {
        has_failed_ = true; // what a pattern had is its own again
        throw;
    }
}

void LinkSet::add_waiting(const Wanted& wanted) {
    if (wanted.rights == nullptr)
        net::open_packet_socket(wanted.name); // who lacks the rights should learn of it now
    wanted_.push_back(wanted);
    try {
        for (const net::InterfaceState& interface : net::query_interfaces()) {
            const auto found = find_wanted(interface);
            if (found == wanted_.end() || found->name != wanted.name)
                continue;
            try {
                open(interface.name, wanted, true);
            } catch (const std::system_error& error) {
                if (!passes_by_itself(error))
                    throw;
                continue;
            }
            if (!net::is_pattern(wanted.name)) {
                served_.back().waits = true;
                wanted_.pop_back();
                return;
            }
        }
    } catch (...) {
        remove(wanted.name);
        throw;
    }
}

net::PacketLink& LinkSet::open(const std::string& name, const Wanted& wanted, bool insist) {
    const bool by_pattern = net::is_pattern(wanted.name);
    const auto interface = net::query_interface(name);
    if (interface && serves(interface->index))
        refuse(EEXIST, fmt::format("interface {}: it is already in use by this target, as {}; name it once",
                                   name, interface->name));
    auto link = std::make_unique<net::PacketLink>(
        by_pattern ? name : wanted.name, wanted.options, parts_.ring, parts_.memories, parts_.clock,
        parts_.events, parts_.log, parts_.netfilter,
        parts_.core.visible_addresses(interface ? interface->names() : std::vector{name}),
        wanted.rights.get());
    if (insist)
        link->demand_lane();
    link->set_id(parts_.core.add_link(*link, link->pool().slots()));
    if (by_pattern)
        link->expect_to_go();
    served_.push_back({.link = std::move(link), .entry = wanted.name});
    count_changed();
    served_.back().link->replenish();
    return *served_.back().link;
}

bool LinkSet::remove(const std::string& name) {
    bool is_known = std::erase_if(wanted_, [&](const Wanted& wanted) { return wanted.name == name; }) > 0;
    const auto is_meant = meant_by(name);
    for (auto found = served_.end(); (found = std::ranges::find_if(served_, is_meant)) != served_.end();) {
        close(found);
        is_known = true;
    }
    return is_known;
}

std::function<bool(const LinkSet::Served&)> LinkSet::meant_by(const std::string& name) const {
    if (std::ranges::find(served_, name, &Served::entry) != served_.end())
        return [name](const Served& served) { return served.entry == name; };
    return [name](const Served& served) { return !served.by_pattern() && served.link->has_name(name); };
}

bool LinkSet::rename(const std::string& name, const std::string& new_name) {
    const auto is_given = [](const std::string& given) {
        return [&given](const Served& served) { return served.entry == given; };
    };
    const auto served = std::ranges::find_if(served_, is_given(name));
    const auto wanted = std::ranges::find(wanted_, name, &Wanted::name);
    if (served == served_.end() && wanted == wanted_.end())
        return false;
    if (std::ranges::any_of(served_, is_given(new_name)) ||
        std::ranges::find(wanted_, new_name, &Wanted::name) != wanted_.end())
        refuse_twice(new_name);
    if (served != served_.end()) {
        served->entry = new_name;
        served->link->rename(new_name);
    } else {
        wanted->name = new_name;
    }
    return true;
}

bool LinkSet::change(const std::string& name, const InterfaceOptions& options,
                     const net::InterfaceRights* rights) {
    bool found = false;
    for (Wanted& wanted : wanted_) {
        if (wanted.name == name) {
            wanted.options = options;
            found = true;
        }
    }
    const auto is_meant = meant_by(name);
    for (const Served& served : served_) {
        if (is_meant(served)) {
            served.link->change(options, rights);
            parts_.core.link_options_changed(served.link->id());
            found = true;
        }
    }
    return found;
}

void LinkSet::close(std::vector<Served>::iterator served) {
    parts_.core.remove_link(served->link->id());
    served->link->stop_receiving();
    closing_.push_back(std::move(served->link));
    served_.erase(served);
    count_changed();
}

void LinkSet::count_changed() const {
    for_each([&](net::PacketLink& link) { link.tell_arrivals(served_.size() > 1); });
}

bool LinkSet::serves(int index) const {
    return std::ranges::any_of(served_,
                               [&](const Served& served) { return served.link->interface().index == index; });
}

bool LinkSet::is_served_elsewhere(core::LinkId link, int interface_index) const {
    return std::ranges::any_of(served_, [&](const Served& served) {
        return !served.by_pattern() && served.link->id() != link &&
               served.link->interface().index == interface_index;
    });
}

void LinkSet::hear(const net::InterfaceNews& news) {
    if (!serving_)
        return;
    for_each([&](net::PacketLink& link) { link.hear(news); });
    close_unneeded();
    if (news.is_lost())
        welcome_all();
    else
        welcome(news.interface);
}

/// What a pattern took and is gone, or has got the name of one that was asked for.
void LinkSet::close_unneeded() {
    const auto is_unneeded = [&](const Served& served) {
        const int index = served.link->interface().index;
        return served.by_pattern() && (index == 0 || std::ranges::any_of(served_, [&](const Served& other) {
                                           return !other.by_pattern() &&
                                                  other.link->interface().index == index;
                                       }));
    };
    for (auto found = served_.end(); (found = std::ranges::find_if(served_, is_unneeded)) != served_.end();)
        close(found);
}

/// A name goes before a pattern. The loopback interface has to be asked for by name.
std::vector<LinkSet::Wanted>::iterator LinkSet::find_wanted(const net::InterfaceState& interface) {
    if (serves(interface.index))
        return wanted_.end();
    const auto named =
        std::ranges::find_if(wanted_, [&](const Wanted& wanted) { return interface.has_name(wanted.name); });
    if (named != wanted_.end() || !interface.ethernet || interface.loopback)
        return named;
    return std::ranges::find_if(wanted_, [&](const Wanted& wanted) {
        return net::is_pattern(wanted.name) && interface.matches(wanted.name);
    });
}

void LinkSet::welcome(const net::InterfaceState& interface) {
    const auto wanted = find_wanted(interface);
    if (wanted == wanted_.end())
        return;
    const bool by_pattern = net::is_pattern(wanted->name);
    try {
        net::PacketLink& link = open(interface.name, *wanted, false);
        std::erase(told_failures_, link.interface().index);
        net::tell_changes(parts_.log, link.name(), {}, link.interface(), serves(link.interface().master));
        link.tell_lack_of_lane();
    } catch (const std::system_error& error) {
        if (passes_by_itself(error))
            return;
        has_failed_ = true;
        if (std::ranges::find(told_failures_, interface.index) != told_failures_.end())
            return;
        told_failures_.push_back(interface.index);
        parts_.log.tell(Severity::error, EventKind::interface_gone, interface.name,
                        fmt::format("The interface is there and cannot be served: {}. The target tries again "
                                    "every second.",
                                    error.what()));
        return;
    }
    if (!by_pattern) {
        served_.back().waits = true;
        wanted_.erase(wanted);
    }
}

void LinkSet::welcome_all() {
    if (wanted_.empty())
        return;
    try {
        const std::vector<net::InterfaceState> interfaces = net::query_interfaces();
        std::erase_if(told_failures_, [&](int index) {
            return std::ranges::find(interfaces, index, &net::InterfaceState::index) == interfaces.end();
        });
        for (const net::InterfaceState& interface : interfaces)
            welcome(interface);
    } catch (const std::system_error&) {
        has_failed_ = true; // no descriptor left to ask with
    }
}

void LinkSet::try_again(core::Time now) {
    if (std::exchange(has_failed_, false) && !retry_at_)
        retry_at_ = now + retry_interval;
    if (!retry_at_ || now < *retry_at_)
        return;
    retry_at_.reset();
    if (serving_)
        welcome_all();
}

void LinkSet::look_for_drops(core::Time now) {
    if (now < next_look_)
        return;
    next_look_ = now + std::chrono::seconds(1);
    for (Served& served : served_) {
        const std::uint64_t drops = served.link->counters().rx_dropped;
        if (const std::uint64_t before = std::exchange(served.drops, drops); drops > before)
            parts_.log.tell(
                Severity::warning, EventKind::frames_dropped, served.link->name(),
                fmt::format(
                    "The kernel dropped {} frames since the last look, because the buffer for them was "
                    "full: they come faster than this processor takes them. Their initiators repeat "
                    "them. {}, or lower the load.",
                    drops - before,
                    served.link->has_lane()
                        ? fmt::format("AF_XDP has room for {} of them: serve the interface with link=packet",
                                      served.link->max_buffers())
                        : "Raise net.core.rmem_max and restart the target"));
    }
}

void LinkSet::stop_receiving() {
    serving_ = false;
    for_each([](net::PacketLink& link) { link.stop_receiving(); });
}

bool LinkSet::quiet() const {
    return std::ranges::all_of(served_, [](const Served& served) { return served.link->quiet(); }) &&
           std::ranges::all_of(closing_, [](const auto& link) { return link->quiet(); });
}

void LinkSet::close_all() {
    wanted_.clear();
    while (!served_.empty())
        close(served_.end() - 1);
}

void LinkSet::collect_closed() {
    for (const auto& link : closing_)
        link->stop_receiving(); // until it has
    std::erase_if(closing_, [](const auto& link) { return link->quiet(); });
}

std::vector<InterfaceStats> LinkSet::stats(core::Time now) const {
    std::vector<InterfaceStats> all;
    for (const Served& served : served_) {
        const net::PacketLink& link = *served.link;
        if (served.waits && link.interface().index == 0)
            continue;
        const net::LinkCounters counters = link.counters();
        const auto buffers = static_cast<unsigned>(parts_.core.advertised_buffers(*served.link));
        all.push_back({.name = link.name(),
                       .entry = served.entry,
                       .link = link.description(),
                       .passes_by = link.passes_by(),
                       .filters_broadcasts = link.filters_broadcasts(),
                       .mac = link.mac(),
                       .mtu = link.mtu(),
                       .sectors_per_frame = link.sectors_per_frame(),
                       .present = link.interface().index != 0,
                       .buffers = buffers,
                       .buffers_bound = link.buffers_bound(buffers),
                       .up = link.interface().carrier,
                       .since_change = std::max(now - link.carrier_since(), core::Time{}),
                       .port_of = link.interface().port_of,
                       .rx_frames = counters.rx_frames,
                       .rx_dropped = counters.rx_dropped,
                       .rx_oversized = counters.rx_oversized,
                       .rx_starved = counters.rx_starved,
                       .rx_ignored = counters.rx_ignored,
                       .tx_frames = counters.tx_frames,
                       .tx_errors = counters.tx_errors,
                       .tx_retries = counters.tx_retries});
    }
    return all;
}

std::vector<std::string> LinkSet::waited_for() const {
    std::vector<std::string> names;
    for (const Wanted& wanted : wanted_)
        names.push_back(wanted.name);
    for (const Served& served : served_) {
        if (served.waits && served.link->interface().index == 0)
            names.push_back(served.link->name());
    }
    return names;
}

} // namespace aoetarget
