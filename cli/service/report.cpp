// The lines of the report, one function for each kind.
#include "service/report.hpp"

#include "text.hpp"

#include <fmt/format.h>

namespace cli {
namespace {

/// What `threads` have of one interface: it differs only in the link, of which each has its own.
aoetarget::InterfaceStats join(const TargetThreads::Interfaces& threads, std::size_t interface) {
    aoetarget::InterfaceStats joined = threads.front()[interface];
    std::string links;
    for (std::size_t i = 0; i < threads.size(); ++i)
        links += fmt::format("{}thread {}: {}", i == 0 ? "" : ", ", i + 1, threads[i][interface].link);
    if (threads.size() > 1)
        joined.link = links;
    return joined;
}

std::string_view sector_or_sectors(std::uint64_t count) {
    return count == 1 ? "sector" : "sectors";
}

} // namespace

std::string describe_export(const ExportSpec& spec, std::uint64_t sectors, std::string_view mode) {
    const bool add_read_only = spec.file.read_only && mode.find("read-only") == std::string_view::npos;
    return fmt::format("{}: {}, {} ({} {}), {}{}", to_string(spec.options.address), single_line(spec.path),
                       human_size(sectors * aoetarget::sector_bytes), sectors, sector_or_sectors(sectors),
                       mode, add_read_only ? ", read-only" : "");
}

std::string describe_interface(const aoetarget::InterfaceStats& interface) {
    return fmt::format("{}: {}, MTU {}, {} {} per frame{}, {}", interface.name, to_string(interface.mac),
                       interface.mtu, interface.sectors_per_frame,
                       sector_or_sectors(interface.sectors_per_frame), interface.up ? "" : ", down",
                       interface.link);
}

void Report::add_line(std::string_view line) {
    lines_ += fmt::format("{}\n", line);
}

void Report::add_note(std::string_view note) {
    notes_ += fmt::format("note: {}\n", single_line(note));
}

void Report::add_interfaces(const TargetThreads::Interfaces& threads) {
    for (std::size_t i = 0; i < threads.front().size(); ++i) {
        const aoetarget::InterfaceStats interface = join(threads, i);
        add_line(describe_interface(interface));
        if (!interface.up)
            add_note(fmt::format("{0} has no link now; it is served as soon as it has one (is it up, and is "
                                 "the other end? 'ip link set {0} up')",
                                 interface.name));
        else if (interface.sectors_per_frame == 0)
            add_note(fmt::format(
                "{0} cannot carry a sector; raise its MTU, for example 'ip link set {0} mtu 1500'",
                interface.name));
    }
}

bool say_losses(const aoetarget::Target& target) {
    bool lost = false;
    for (const aoetarget::ExportStats& exported : target.stats().exports) {
        if (exported.flush_errors == 0)
            continue;
        say(fmt::format("aoetarget: {}: {} of its flushes failed, so writes that were answered may be lost; "
                        "check the disk\n",
                        to_string(exported.address), exported.flush_errors));
        lost = true;
    }
    return lost;
}

} // namespace cli
