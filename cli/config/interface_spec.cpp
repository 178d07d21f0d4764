// The options of an interface, and how each is read.
#include "config/interface_spec.hpp"

#include "config/scanner.hpp"
#include "text.hpp"
#include "usage_error.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include <net/if.h>

namespace cli {
namespace {

bool set_sectors_per_frame(unsigned& sectors_per_frame, const std::string& value) {
    if (choose(sectors_per_frame, value, {{"auto", 0U}}))
        return true;
    unsigned sectors = 0;
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), sectors);
    if (error != std::errc() || end != value.data() + value.size() || sectors < 1 || sectors > 255)
        return false;
    sectors_per_frame = sectors;
    return true;
}

} // namespace

InterfaceSpec parse_interface_spec(std::string_view text) {
    using aoetarget::LinkKind;
    InterfaceSpec spec;
    const SpecOption options[] = {
        {"link", "auto|packet|xdp",
         [&](const std::string& value) {
             return choose(
                 spec.options.link, value,
                 {{"auto", LinkKind::automatic}, {"packet", LinkKind::packet}, {"xdp", LinkKind::xdp}});
         }},
        {"sectors-per-frame", "auto|1...255",
         [&](const std::string& value) {
             return set_sectors_per_frame(spec.options.sectors_per_frame, value);
         }},
    };
    read_spec("interface", text, options, [&](Scanner& scanner) {
        spec.name = scanner.take_part();
        check_interface_name(spec.name);
    });
    return spec;
}

void check_interface_name(std::string_view name) {
    const bool strange = std::ranges::any_of(
        name, [](char c) { return c == '/' || static_cast<unsigned char>(c) <= ' ' || c == '\x7F'; });
    if (!name.empty() && name.size() < IFNAMSIZ && !strange)
        return;
    throw UsageError(
        fmt::format("no network interface can have the name '{}'; write one of 1 to {} characters, without "
                    "spaces and slashes ('ip -br link' lists the interfaces of this machine)",
                    printable(name), IFNAMSIZ - 1));
}

} // namespace cli
