// Makes the lines of the report, one function for each kind.
#include "service/report.hpp"

#include "text.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace cli {
namespace {

std::string_view sector_or_sectors(std::uint64_t count) {
    return count == 1 ? "sector" : "sectors";
}

/// As people write it: "52:54:00:*".
std::string pattern_text(const aoetarget::MacPattern& pattern) {
    constexpr std::size_t all = 6, characters_of_a_byte = 3;
    const std::string text = to_string(pattern.address);
    return pattern.length == all ? text : text.substr(0, pattern.length * characters_of_a_byte) + "*";
}

} // namespace

std::string describe_export(const ExportSpec& spec, std::uint64_t sectors, std::string_view mode) {
    const bool add_read_only = spec.file.read_only && mode.find("read-only") == std::string_view::npos;
    std::string line =
        fmt::format("{}: {}, {} ({} {}), {}{}", to_string(spec.options.address), single_line(spec.path),
                    human_size(sectors * aoetarget::sector_bytes), sectors, sector_or_sectors(sectors), mode,
                    add_read_only ? ", read-only" : "");
    for (std::size_t i = 0; i < spec.options.interfaces.size(); ++i)
        line += (i == 0 ? ", interfaces=" : "+") + spec.options.interfaces[i];
    for (std::size_t i = 0; i < spec.options.allow.size(); ++i)
        line += (i == 0 ? ", allow=" : "+") + pattern_text(spec.options.allow[i]);
    if (spec.options.fixed)
        line += ", fixed";
    return line;
}

std::string describe_interface(const aoetarget::InterfaceStats& interface) {
    return fmt::format("{}: {}, MTU {}, {} {} per frame{}, {}", interface.name, to_string(interface.mac),
                       interface.mtu, interface.sectors_per_frame,
                       sector_or_sectors(interface.sectors_per_frame), interface.up ? "" : ", down",
                       interface.link);
}

std::vector<std::string> rule_notes(const aoetarget::InterfaceStats& interface) {
    std::vector<std::string> notes;
    if (!interface.passes_by.empty())
        notes.push_back(fmt::format("frames of the target pass by {} of this machine, as the options say",
                                    interface.passes_by));
    if (!interface.filters_broadcasts.empty())
        notes.push_back(
            fmt::format("broadcasts, with which initiators look for targets, do not pass by {}: let "
                        "frames of AoE (type 0x88a2) through there",
                        interface.filters_broadcasts));
    return notes;
}

std::string buffers_note(const aoetarget::InterfaceStats& interface) {
    if (interface.buffers_bound.empty())
        return {};
    return fmt::format("initiators are told buffers={}, and not as many as the options say: {}",
                       interface.buffers, interface.buffers_bound);
}

std::string state_note(const aoetarget::InterfaceStats& interface,
                       const std::vector<aoetarget::InterfaceStats>& all) {
    const bool master_is_served =
        std::ranges::find(all, interface.port_of, &aoetarget::InterfaceStats::name) != all.end();
    if (!interface.port_of.empty() && master_is_served)
        return fmt::format("{} is a port of {}, which takes its frames and is served", interface.name,
                           interface.port_of);
    if (!interface.port_of.empty())
        return fmt::format("{0} is a port of {1}, which takes its frames: serve {1} instead ('-i {1}')",
                           interface.name, interface.port_of);
    if (!interface.up)
        return fmt::format("{0} has no link now; the target serves it as soon as it has one (check "
                           "that both ends are up: 'ip link set {0} up')",
                           interface.name);
    if (interface.sectors_per_frame == 0)
        return fmt::format("{0} cannot carry a sector; raise its MTU, for example 'ip link set {0} mtu 1500'",
                           interface.name);
    return {};
}

std::string waited_for_note(std::string_view name) {
    if (name.find_first_of("*?") != std::string_view::npos)
        return fmt::format(
            "the target serves interfaces named {} as soon as they appear, over packet sockets", name);
    return fmt::format(
        "there is no interface {} yet; the target serves it as soon as it appears, over packet sockets",
        name);
}

void Report::add_line(std::string_view line) {
    lines_ += fmt::format("{}\n", line);
}

void Report::add_note(std::string_view note) {
    notes_ += fmt::format("note: {}\n", single_line(note));
}

void Report::add_interfaces(const std::vector<aoetarget::InterfaceStats>& interfaces) {
    for (const aoetarget::InterfaceStats& interface : interfaces) {
        add_line(describe_interface(interface));
        for (const std::string& note : rule_notes(interface))
            add_note(fmt::format("{}: {}", interface.name, note));
        if (const std::string note = buffers_note(interface); !note.empty())
            add_note(fmt::format("{}: {}", interface.name, note));
        if (const std::string note = state_note(interface, interfaces); !note.empty())
            add_note(note);
    }
}

void Report::add_waited_for(std::string_view name) {
    add_note(waited_for_note(name));
}

void Report::say() const {
    cli::say(Priority::notice, notes_);
    cli::say(Priority::info, lines_);
}

bool say_losses(const aoetarget::Target& target) {
    bool lost = false;
    for (const aoetarget::ExportStats& exported : target.stats().exports) {
        if (exported.flush_errors == 0)
            continue;
        say(Priority::error,
            fmt::format("aoetarget: {}: {} of its flushes failed, so writes that were answered may be lost; "
                        "check the disk\n",
                        to_string(exported.address), exported.flush_errors));
        lost = true;
    }
    return lost;
}

} // namespace cli
