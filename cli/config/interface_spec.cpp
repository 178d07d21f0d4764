// The options of an interface, and how each is read.
#include "config/interface_spec.hpp"

#include "config/json.hpp"
#include "config/scanner.hpp"
#include "text.hpp"
#include "usage_error.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

namespace cli {
namespace {

using aoetarget::LinkKind;
using aoetarget::QdiscUse;

constexpr std::size_t longest_name = 127; // alternative names are longer than the 15 of the first one

constexpr Words<LinkKind, 3> link_words = {
    {"auto", LinkKind::automatic}, {"packet", LinkKind::packet}, {"xdp", LinkKind::xdp}};
constexpr Words<QdiscUse, 3> qdisc_words = {
    {"auto", QdiscUse::automatic}, {"bypass", QdiscUse::bypass}, {"honour", QdiscUse::honour}};

std::optional<Value> number_unless_zero(std::int64_t number) {
    return number == 0 ? std::nullopt : std::optional<Value>(number);
}

} // namespace

const OptionTable<InterfaceSpec>& interface_options() {
    using Spec = InterfaceSpec;
    static const OptionTable<Spec> table(
        1, {
               {{"name", ValueType::text, "IF", Effect::reopen},
                [](Spec& spec, const Value& value, const Hosts&) {
                    spec.name = std::get<std::string>(value);
                    check_interface_name(spec.name);
                    return true;
                },
                [](const Spec& spec) -> std::optional<Value> { return spec.name; }},
               {{"link", ValueType::text, "auto|packet|xdp", Effect::reopen},
                [](Spec& spec, const Value& value, const Hosts&) {
                    return choose(spec.options.link, value, link_words);
                },
                [](const Spec& spec) { return word_for(spec.options.link, link_words); }},
               {{"qdisc", ValueType::text, "auto|bypass|honour", Effect::reopen},
                [](Spec& spec, const Value& value, const Hosts&) {
                    return choose(spec.options.qdisc, value, qdisc_words);
                },
                [](const Spec& spec) { return word_for(spec.options.qdisc, qdisc_words); }},
               {{"sectors-per-frame", ValueType::number_or_text, "auto|1...255", Effect::reopen},
                [](Spec& spec, const Value& value, const Hosts&) {
                    if (value != Value("auto"))
                        return set_number(spec.options.sectors_per_frame, value, 1, 255);
                    spec.options.sectors_per_frame = 0;
                    return true;
                },
                [](const Spec& spec) { return number_unless_zero(spec.options.sectors_per_frame); }},
               {{"wait", ValueType::flag, "true|false", Effect::reopen},
                [](Spec& spec, const Value& value, const Hosts&) {
                    spec.options.wait = std::get<bool>(value);
                    return true;
                },
                [](const Spec& spec) -> std::optional<Value> { return spec.options.wait; }},
               {{"buffers", ValueType::number, "2...65535", Effect::reopen},
                [](Spec& spec, const Value& value, const Hosts&) {
                    return set_number(spec.options.buffer_count, value, 2, 65535);
                },
                [](const Spec& spec) { return number_unless_zero(spec.options.buffer_count); }},
               {{"advertise", ValueType::number, "0...86400", Effect::reopen},
                [](Spec& spec, const Value& value, const Hosts&) {
                    std::int64_t seconds = 0;
                    if (!set_number(seconds, value, 0, 86400))
                        return false;
                    spec.options.advertise_interval = std::chrono::seconds(seconds);
                    return true;
                },
                [](const Spec& spec) -> std::optional<Value> {
                    return spec.options.advertise_interval.count();
                }},
           });
    return table;
}

InterfaceSpec parse_interface_spec(std::string_view text) {
    InterfaceSpec spec;
    read_spec("interface", text, interface_options(), spec, {}, [&](Scanner& scanner) {
        spec.name = scanner.take_part();
        check_interface_name(spec.name);
    });
    return spec;
}

std::string to_argument(const InterfaceSpec& spec) {
    return escaped(spec.name) + written(interface_options(), spec);
}

void check_interface_name(std::string_view name) {
    const bool strange = std::ranges::any_of(
        name, [](char c) { return c == '/' || static_cast<unsigned char>(c) <= ' ' || c == '\x7F'; });
    if (!is_utf8(std::string(name)))
        throw UsageError(fmt::format("the name '{}' is not UTF-8, so no configuration file can have it; give "
                                     "the interface another one ('ip link property add dev IF altname NAME')",
                                     printable(name)));
    if (!name.empty() && name.size() <= longest_name && !strange)
        return;
    throw UsageError(
        fmt::format("no network interface can have the name '{}'; write one of 1 to {} characters, without "
                    "spaces and slashes ('ip -br link' lists the interfaces of this machine)",
                    printable(name), longest_name));
}

} // namespace cli
