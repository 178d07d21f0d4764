// Compares addresses, and tells own targets from others.
#include "check/network.hpp"

#include "text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <memory>

#include <fnmatch.h>
#include <ifaddrs.h>
#include <linux/if_packet.h>

namespace cli {
namespace {

bool is_on(const ExportSpec& spec, const std::string& interface) {
    const std::vector<std::string>& names = spec.options.interfaces;
    return names.empty() || std::ranges::any_of(names, [&](const std::string& pattern) {
               return fnmatch(pattern.c_str(), interface.c_str(), FNM_NOESCAPE) == 0;
           });
}

enum class Answerer { another_machine, own_machine, predecessor };

Finding judge(const ExportSpec& spec, const std::string& interface, const aoetarget::DiscoveredTarget& other,
              Answerer answerer) {
    const std::string address = to_string(spec.options.address);
    const std::string subject = "export " + address;
    const std::string disk = other.sectors == 0
                                 ? "a disk that does not identify itself"
                                 : fmt::format("a disk of {} (model {}, serial number {})",
                                               human_size(other.sectors * aoetarget::sector_bytes),
                                               printable(other.model), printable(other.serial));
    if (answerer == Answerer::predecessor)
        return {Weight::note, subject,
                fmt::format("this machine answers for {} on the network of {} already ({}), with {}", address,
                            interface, to_string(other.mac), disk)};
    if (!spec.options.serial.empty() && spec.options.serial == other.serial)
        return {
            Weight::note, subject,
            fmt::format("the target at {} on the network of {} answers for {} with the same serial number: "
                        "initiators take both for two paths to one disk",
                        to_string(other.mac), interface, address)};
    if (answerer == Answerer::own_machine)
        return {
            Weight::error, subject,
            fmt::format("another target of this machine answers for {} on the network of {} ({}), with {}: "
                        "initiators would mix the blocks of both",
                        address, interface, to_string(other.mac), disk),
            "stop it ('aoetarget status' lists the targets that run), or choose another address"};
    return {Weight::error, subject,
            fmt::format("the target at {} on the network of {} answers for {} with {}: initiators would mix "
                        "the blocks of both",
                        to_string(other.mac), interface, address, disk),
            "stop it, or choose another address"};
}

} // namespace

std::vector<aoetarget::MacAddress> own_macs() {
    std::vector<aoetarget::MacAddress> macs;
    ifaddrs* first = nullptr;
    if (getifaddrs(&first) != 0)
        return macs;
    const std::unique_ptr<ifaddrs, decltype(&freeifaddrs)> all(first, &freeifaddrs);
    for (const ifaddrs* each = first; each != nullptr; each = each->ifa_next) {
        if (each->ifa_addr == nullptr || each->ifa_addr->sa_family != AF_PACKET)
            continue;
        sockaddr_ll address{};
        std::memcpy(&address, each->ifa_addr, sizeof address);
        aoetarget::MacAddress mac;
        std::copy_n(address.sll_addr, mac.bytes.size(), mac.bytes.begin());
        macs.push_back(mac);
    }
    return macs;
}

Findings judge_network(const std::string& interface, const std::vector<ExportSpec>& exports,
                       const std::vector<aoetarget::DiscoveredTarget>& targets, const OwnMachine& own) {
    const auto answerer_of = [&](const aoetarget::DiscoveredTarget& target) {
        if (std::ranges::find(own.macs, target.mac) == own.macs.end())
            return Answerer::another_machine;
        return own.may_have_predecessor ? Answerer::predecessor : Answerer::own_machine;
    };
    Findings findings;
    for (const ExportSpec& spec : exports) {
        for (const aoetarget::DiscoveredTarget& target : targets) {
            if (target.address == spec.options.address && is_on(spec, interface))
                findings.push_back(judge(spec, interface, target, answerer_of(target)));
        }
    }
    findings.push_back(
        {Weight::ok, "interface " + interface,
         fmt::format("{} answered on its network, {} for an address of these exports",
                     targets.size() == 1 ? "1 export" : fmt::format("{} exports", targets.size()),
                     findings.empty() ? "none" : fmt::format("{}", findings.size()))});
    return findings;
}

} // namespace cli
