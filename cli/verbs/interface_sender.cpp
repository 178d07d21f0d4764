// Prepares, and sends a packet for each interface.
#include "verbs/interface_sender.hpp"

#include "exit_code.hpp"

#include <aoetarget/hand_over.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <memory>
#include <system_error>
#include <variant>

namespace cli {
namespace {

using aoetarget::LinkKind;
using nlohmann::json;

/// Everything that has XDP already keeps its program.
bool gains(const Change& change, const InterfaceSpec& wanted, const Configuration& present) {
    if (wanted.is_pattern() || change.kind == Change::Kind::removed)
        return false;
    if (change.kind == Change::Kind::added)
        return true;
    const auto before = std::ranges::find(present.interfaces, wanted.name, &InterfaceSpec::name);
    return before != present.interfaces.end() && before->options.link == LinkKind::packet &&
           wanted.options.link != LinkKind::packet;
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

/// The target can tell no worse than this process, and may have other rights.
bool is_for_target(const std::system_error& error) {
    return error.code() == std::errc::no_such_device || error.code() == std::errc::operation_not_permitted ||
           error.code() == std::errc::permission_denied;
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

std::vector<InterfaceSpec> interfaces_to_prepare(const std::vector<Change>& changes,
                                                 const Configuration& present) {
    std::vector<InterfaceSpec> interfaces;
    for (const Change& change : changes) {
        const auto* wanted = std::get_if<InterfaceSpec>(&change.entry);
        if (wanted != nullptr && gains(change, *wanted, present))
            interfaces.push_back(*wanted);
    }
    return interfaces;
}

void prepare_for_target(ControlClient& client, const std::vector<InterfaceSpec>& interfaces, unsigned threads,
                        const InterfaceFailed& failed) {
    for (const InterfaceSpec& spec : interfaces) {
        try {
            send(client, spec.name, prepare(spec, threads));
        } catch (const std::system_error& error) {
            if (!is_for_target(error))
                failed(spec, Failure(exit_code_of(error), message_of(error)));
        } catch (const Failure& failure) {
            failed(spec, failure);
        }
    }
}

} // namespace cli
