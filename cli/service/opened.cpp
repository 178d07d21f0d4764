// Reads the packet, and deals the descriptors out.
#include "service/opened.hpp"

#include "config/path_text.hpp"
#include "exit_code.hpp"
#include "failure.hpp"
#include "figures/stats_json.hpp"
#include "text.hpp"

#include <aoetarget/address.hpp>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <cstddef>
#include <utility>

namespace cli {
namespace {

using nlohmann::json;

constexpr std::size_t longest_name = 127; // of an interface, an alternative one

/// Deals descriptors out in the order in which the packet names them.
class Deal {
  public:
    explicit Deal(std::vector<Descriptor>& descriptors) : descriptors_(descriptors) {}

    [[nodiscard]] std::size_t count(const json& entry, const char* key) const {
        const auto count = entry.at(key).get<std::size_t>();
        if (count > descriptors_.size() - next_)
            throw Failure(exit_failed, "a packet has fewer descriptors than it says");
        return count;
    }
    /// The caller closes them from now on.
    std::vector<int> take(std::size_t count) {
        std::vector<int> taken;
        for (; count > 0 && next_ < descriptors_.size(); --count)
            taken.push_back(descriptors_[next_++].release());
        return taken;
    }

  private:
    std::vector<Descriptor>& descriptors_;
    std::size_t next_ = 0;
};

void add_device(OpenDevices& devices, const json& entry, Deal& deal,
                const std::shared_ptr<Account>& account) {
    const aoetarget::Address address = address_from_json(entry, "export");
    std::optional<aoetarget::Address> replaces;
    if (entry.contains("replaces"))
        replaces = address_from_json(entry, "replaces");
    aoetarget::DeviceParts parts;
    for (const json& fact : entry.at("facts"))
        parts.facts += parse_path("a fact", fact.get_ref<const std::string&>()) + '\0';
    const std::size_t files = deal.count(entry, "files");
    Share share(account, {.bytes = parts.facts.size(), .descriptors = files});
    parts.descriptors = deal.take(files); // which put_together() closes, whatever happens
    devices[address] = {put_together(parts, replaces.has_value()), replaces, std::move(share)};
}

void add_interface(OpenInterfaces& interfaces, const json& entry, Deal& deal,
                   const std::shared_ptr<Account>& account) {
    const std::string name = entry.at("interface");
    if (name.empty() || name.size() > longest_name || name != printable(name) ||
        name.find('/') != std::string::npos)
        throw Failure(exit_failed, fmt::format("no interface can have the name '{}'",
                                               printable(name.substr(0, longest_name))));
    aoetarget::InterfaceParts parts;
    parts.is_generic = entry.value("generic", false);
    parts.why_no_xdp = printable(entry.value("why-no-xdp", std::string()));
    const std::size_t sockets = deal.count(entry, "sockets");
    const std::size_t program = deal.count(entry, "program");
    Share share(account, {.bytes = name.size() + parts.why_no_xdp.size(), .descriptors = sockets + program});
    parts.sockets = deal.take(sockets); // which put_together() closes, whatever happens
    parts.program = deal.take(program);
    OpenInterface& interface = interfaces[name];
    interface.prepared.push_back(put_together(parts));
    interface.shares.push_back(std::move(share));
}

} // namespace

void add_opened(Opened& opened, const json& request, std::vector<Descriptor>& descriptors,
                const std::shared_ptr<Account>& account) {
    Deal deal(descriptors);
    Opened fresh;
    for (const json& entry : request.value("devices", json::array()))
        add_device(fresh.devices, entry, deal, account);
    for (const json& entry : request.value("interfaces", json::array()))
        add_interface(fresh.interfaces, entry, deal, account);
    fresh.devices.merge(opened.devices);
    fresh.interfaces.merge(opened.interfaces);
    opened = std::move(fresh);
}

std::unique_ptr<aoetarget::PreparedInterface> take_prepared(OpenInterfaces& interfaces,
                                                            const std::string& name, bool with_xdp) {
    const auto found = interfaces.find(name);
    if (found == interfaces.end() || found->second.prepared.empty())
        return nullptr;
    auto& prepared = found->second.prepared;
    const auto chosen = with_xdp ? prepared.begin() : prepared.end() - 1;
    auto taken = std::move(*chosen);
    prepared.erase(chosen);
    return taken;
}

} // namespace cli
