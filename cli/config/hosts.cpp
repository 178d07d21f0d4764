// Resolves names of initiators, each once.
#include "config/hosts.hpp"

#include "config/spelling.hpp"
#include "text.hpp"
#include "usage_error.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

namespace cli {
namespace {

constexpr std::size_t longest_name = 64, deepest = 32;

/// Names can stand in arguments, where plus signs separate them.
void check_name(const std::string& name) {
    const auto fits = [](unsigned char c) {
        return std::isalnum(c) != 0 || c == '-' || c == '_' || c == '.';
    };
    if (name.empty() || name.size() > longest_name || !std::ranges::all_of(name, fits))
        throw UsageError(
            fmt::format("'{}' cannot be the name of a host; write 1 to {} letters, digits, hyphens, "
                        "underscores and dots",
                        printable(name), longest_name));
    if (aoetarget::MacPattern::parse(name))
        throw UsageError(fmt::format("'{}' is a MAC address, so no host can have it as its name", name));
}

void check_size(std::string_view what, std::size_t size) {
    if (size > max_allowed)
        throw UsageError(
            fmt::format("{} cannot have {} addresses; write at most {}, or patterns like 52:54:00:*", what,
                        size, max_allowed));
}

} // namespace

/// Goes from each name to those that it stands for, before it says for whom it stands itself.
class Hosts::Resolver {
  public:
    Resolver(const HostNames& names, const Complain& complain, Hosts& hosts)
        : names_(names), complain_(complain), hosts_(hosts) {}

    void visit(const std::string& name, const std::vector<std::string>& members) {
        if (hosts_.resolved_.contains(name))
            return;
        path_.push_back(name);
        std::vector<aoetarget::MacPattern> patterns;
        std::size_t depth = 1;
        try {
            check_name(name);
            for (const std::string& member : members)
                depth = std::max(depth, 1 + visit_member(member));
            check_depth(depth);
            patterns = hosts_.resolve(name, members);
        } catch (const UsageError& error) {
            complain_(name, error.what());
        }
        path_.pop_back();
        hosts_.resolved_.emplace(name, std::move(patterns));
        depths_.emplace(name, depth);
    }

  private:
    /// The result must not depend on the order of the names.
    void check_depth(std::size_t depth) const {
        if (depth > deepest)
            throw UsageError(
                fmt::format("{} stands for a name that stands for a name, and so on more than {} times; "
                            "write addresses",
                            path_.back(), deepest));
    }

    /// Returns how deep the member is, 0 if it is no name.
    std::size_t visit_member(const std::string& member) {
        const auto found = names_.find(member);
        if (found == names_.end())
            return 0;
        if (std::ranges::find(path_, member) != path_.end())
            throw UsageError(fmt::format("{} stands for itself ({} -> {}); take one of these out", member,
                                         joined(path_, " -> "), member));
        check_depth(path_.size());
        visit(found->first, found->second);
        return depths_.at(member);
    }

    const HostNames& names_;
    const Complain& complain_;
    Hosts& hosts_;
    std::vector<std::string> path_;
    std::map<std::string, std::size_t> depths_;
};

Hosts::Hosts(const HostNames& names) : Hosts(names, [](const auto& /*name*/, const auto& /*error*/) {}) {}

Hosts::Hosts(const HostNames& names, const Complain& complain) {
    Resolver resolver(names, complain, *this);
    for (const auto& [name, members] : names)
        resolver.visit(name, members);
}

std::vector<aoetarget::MacPattern> Hosts::resolve(std::string_view what,
                                                  const std::vector<std::string>& list) const {
    check_size(what, list.size());
    std::vector<aoetarget::MacPattern> patterns;
    const auto add = [&](const aoetarget::MacPattern& pattern) {
        if (std::ranges::find(patterns, pattern) == patterns.end())
            patterns.push_back(pattern);
    };
    for (const std::string& member : list) {
        if (const auto pattern = aoetarget::MacPattern::parse(member);
            pattern && !pattern->address.is_multicast())
            add(*pattern);
        else if (const auto found = resolved_.find(member); found != resolved_.end())
            std::ranges::for_each(found->second, add);
        else
            complain_of(what, member);
    }
    check_size(what, patterns.size());
    return patterns;
}

void Hosts::complain_of(std::string_view what, const std::string& member) const {
    std::vector<std::string_view> names;
    for (const auto& [name, patterns] : resolved_)
        names.push_back(name);
    throw UsageError(fmt::format(
        "{} cannot have '{}', which is not the MAC address of an initiator, nor a name of [hosts]{}; write "
        "addresses like 52:54:00:00:00:01, or their beginning like 52:54:00:*",
        what, printable(member), nearest_to(member, names)));
}

} // namespace cli
