// Prepares, and sends a packet for each interface.
#include "verbs/interface_sender.hpp"

#include "config/renamed_interfaces.hpp"
#include "service/present_interfaces.hpp"

#include <aoetarget/hand_over.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <memory>
#include <string>
#include <system_error>
#include <variant>

namespace cli {
namespace {

using aoetarget::LinkKind;
using nlohmann::json;

bool is_change_of_link(const Change& change) {
    return change.kind == Change::Kind::changed &&
           std::ranges::find(change.options, "link") != change.options.end();
}

bool gains(const Change& change, const InterfaceSpec& wanted) {
    if (wanted.is_pattern())
        return false;
    return change.kind == Change::Kind::added ||
           (is_change_of_link(change) && wanted.options.link != LinkKind::packet);
}

/// The first thread's may have XDP.
std::vector<std::unique_ptr<aoetarget::PreparedInterface>> prepare(const InterfaceSpec& spec,
                                                                   unsigned threads) {
    std::vector<std::unique_ptr<aoetarget::PreparedInterface>> prepared;
    aoetarget::InterfaceOptions options = spec.options;
    for (; threads > 0; --threads) {
        prepared.push_back(prepare_interface(spec.name, options));
        options.link = LinkKind::packet;
    }
    return prepared;
}

/// XDP was demanded, and this process has found why it is not possible. Of all else the target can tell no
/// worse, and it may have other rights, another network namespace, or the program that is in the way.
bool is_final(const std::system_error& error, const InterfaceSpec& spec) {
    return spec.options.link == LinkKind::xdp && error.code() == std::errc::operation_not_supported;
}

void send(ControlClient& client, const std::string& name,
          const std::vector<std::unique_ptr<aoetarget::PreparedInterface>>& prepared) {
    json entries = json::array();
    std::vector<int> descriptors;
    for (const auto& interface : prepared) {
        const aoetarget::InterfaceParts parts = take_apart(*interface);
        entries.push_back({{"interface", name},
                           {"sockets", parts.sockets.size()},
                           {"program", parts.program.size()},
                           {"generic", parts.is_generic},
                           {"why-no-xdp", parts.why_no_xdp}});
        descriptors.insert(descriptors.end(), parts.sockets.begin(), parts.sockets.end());
        descriptors.insert(descriptors.end(), parts.program.begin(), parts.program.end());
    }
    client.ask({{"do", "open"}, {"interfaces", std::move(entries)}}, descriptors);
}

} // namespace

std::vector<InterfaceSpec> interfaces_to_prepare(ControlClient& client, const std::vector<Change>& changes) {
    std::vector<InterfaceSpec> interfaces;
    for (const Change& change : changes) {
        const auto* wanted = std::get_if<InterfaceSpec>(&change.entry);
        if (wanted != nullptr && change.kind != Change::Kind::removed && gains(change, *wanted))
            interfaces.push_back(*wanted);
    }
    if (interfaces.empty())
        return interfaces;
    const PresentInterfaces present = present_interfaces(client.ask({{"do", "status"}}));
    const auto renamed = renamed_interfaces(changes, [&] { return present.names; });
    std::erase_if(interfaces, [&](const InterfaceSpec& spec) { return renamed.contains(spec.name); });
    for (InterfaceSpec& spec : interfaces) {
        // By a pattern, whose program goes to the new entry.
        if (std::ranges::find(present.over_xdp, spec.name) != present.over_xdp.end())
            spec.options.link = LinkKind::packet;
    }
    return interfaces;
}

void prepare_for_target(ControlClient& client, const std::vector<InterfaceSpec>& interfaces, unsigned threads,
                        const InterfaceFailed& failed) {
    for (const InterfaceSpec& spec : interfaces) {
        try {
            send(client, spec.name, prepare(spec, threads));
        } catch (const std::system_error& error) {
            if (is_final(error, spec))
                failed(spec, Failure(exit_code_of(error), message_of(error)));
        } catch (const Failure&) {
            continue; // the target does not take it, and does what it can by itself
        }
    }
}

} // namespace cli
