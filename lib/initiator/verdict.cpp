// Turns the figures of a probe into sentences with causes and cures.
#include "initiator/verdict.hpp"

#include "protocol/aoe.hpp"
#include "protocol/ata.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <span>
#include <utility>

namespace aoetarget::initiator {
namespace {

using Findings = std::vector<ProbeFinding>;
using Kind = ProbeFindingKind;

constexpr unsigned min_buffers = 2;

void add(Findings& findings, Severity severity, Kind kind, std::string text) {
    findings.push_back({severity, kind, std::move(text)});
}

template <typename Range, typename Text>
std::string join(const Range& range, std::string_view separator, Text text) {
    std::string all;
    for (const auto& part : range)
        all += fmt::format("{}{}", all.empty() ? "" : separator, text(part));
    return all;
}

/// Returns the MTU that everything between needs for frames of this many sectors, as initiators compute it.
unsigned mtu_for(unsigned sectors) {
    constexpr unsigned usual_mtu = 1500;
    return sectors <= protocol::sectors_fitting(usual_mtu) ? usual_mtu
                                                           : static_cast<unsigned>(frame_bytes(sectors));
}

bool is_too_short(const ProbedLength& length, std::size_t wanted) {
    return length.shortest_lost != 0 && length.longest < wanted;
}

// --- No answer -----------------------------------------------------------------------------------

void judge_silence(const ProbeReport& report, Findings& findings) {
    const std::string port =
        report.port_of.empty() ? ""
                               : fmt::format("{} is a port of {}, which takes its frames: probe {} instead. ",
                                             report.interface, report.port_of, report.port_of);
    add(findings, Severity::error, Kind::no_answer,
        fmt::format(
            "{}No target answers as {} on {}. Check that the target runs and serves this address on "
            "this network (same switch, same VLAN, links up at both ends), that its allow and mask lists "
            "have {}, and that no firewall or switch drops frames of type 0x88a2.",
            port, to_string(report.address), report.interface, to_string(report.mac)));
    if (report.others.empty())
        return;
    constexpr std::size_t shown = 8;
    const std::span<const DiscoveredTarget> some(report.others.data(), std::min(shown, report.others.size()));
    const std::size_t more = report.others.size() - some.size();
    add(findings, Severity::notice, Kind::other_targets,
        fmt::format("Other targets answer on this network: {}{}. Check shelf and slot.",
                    join(some, ", ", [](const auto& target) { return to_string(target.address); }),
                    more == 0 ? "" : fmt::format(" and {} more", more)));
}

// --- Who answers ---------------------------------------------------------------------------------

void judge_answerers(const ProbeReport& report, Findings& findings) {
    const auto& targets = report.targets;
    const std::string address = to_string(report.address);
    const std::string macs = join(targets, " and ", [](const auto& target) { return to_string(target.mac); });
    const auto is_same_disk = [&](const DiscoveredTarget& target) {
        return target.serial == targets.front().serial && target.sectors == targets.front().sectors;
    };
    const bool all_identified =
        std::ranges::all_of(targets, [](const auto& target) { return target.sectors != 0; });
    if (targets.size() > 1 && all_identified && !std::ranges::all_of(targets, is_same_disk))
        add(findings, Severity::error, Kind::address_conflict,
            fmt::format(
                "Different disks answer as {}: those of {} (serial numbers {}). Initiators take them for "
                "one disk, and destroy its data: give each disk an address of its own.",
                address, macs, join(targets, " and ", [](const auto& target) { return target.serial; })));
    else if (targets.size() > 1)
        add(findings, all_identified ? Severity::notice : Severity::warning, Kind::several_paths,
            fmt::format(
                "{} answers from {} MAC addresses ({}), which initiators take for paths to one disk; {}. "
                "The figures are those of the path to {}.",
                address, targets.size(), macs,
                all_identified ? "its serial number is the same on all"
                               : "not all told their serial numbers, so check that it is one disk",
                to_string(targets.front().mac)));
    if (targets.front().sectors == 0)
        add(findings, Severity::error, Kind::not_identified,
            "The target does not answer IDENTIFY DEVICE, without which initiators do not use it. Check the "
            "target's messages, and its disk.");
    if (targets.front().buffer_count < min_buffers)
        add(findings, Severity::error, Kind::few_buffers,
            fmt::format("The target advertises a buffer count of {}, with which Linux never sends a request: "
                        "configure 16 or more (vblade -b).",
                        targets.front().buffer_count));
}

// --- How long frames can be ----------------------------------------------------------------------

/// Returns the sentence's beginning that says which frames are lost. At least one of both ways must be
/// broken.
std::string broken_ways(const ProbeReport& report, bool to, bool from) {
    std::string text;
    if (to)
        text = fmt::format("Requests of {} bytes or more do not reach the target",
                           report.to_target.shortest_lost);
    if (from)
        text += fmt::format("{} of {} bytes or more do not come back", to ? ", and answers" : "Answers",
                            report.from_target.shortest_lost);
    if (!from && report.from_target.longest != 0)
        text += " (answers do come back)";
    if (!to && report.to_target.longest != 0)
        text += " (requests do reach it)";
    return text;
}

void judge_lengths(const ProbeReport& report, Findings& findings) {
    const std::size_t wanted = report.bytes_in_use;
    const bool to = is_too_short(report.to_target, wanted), from = is_too_short(report.from_target, wanted);
    if (!to && !from)
        return;
    const std::size_t passing =
        std::min(to ? report.to_target.longest : wanted, from ? report.from_target.longest : wanted);
    const unsigned sectors = protocol::sectors_fitting(static_cast<unsigned>(passing));
    const std::string instead =
        sectors == 0 ? ""
                     : fmt::format(", or set the MTU of this interface to {}, or let the target advertise {} "
                                   "sectors per frame (aoetarget: sectors-per-frame={})",
                                   mtu_for(sectors), sectors, sectors);
    add(findings, Severity::error, Kind::path_mtu,
        fmt::format(
            "{}, although the MTU of this interface is {} and the target advertises {} sectors per "
            "frame: initiators use frames of {} bytes, so their {} are lost, and the disk hangs. Raise the "
            "MTU of every switch, bridge and card on the way to {} or more{}.",
            broken_ways(report, to, from), report.mtu, report.targets.front().sectors_per_frame, wanted,
            to && from ? "reads and writes"
            : to       ? "writes"
                       : "reads",
            mtu_for(report.sectors_in_use), instead));
}

void judge_ends(const ProbeReport& report, Findings& findings) {
    const unsigned ours = protocol::sectors_fitting(report.mtu);
    const unsigned theirs = report.targets.front().sectors_per_frame;
    if (ours == 0)
        add(findings, Severity::error, Kind::frame_limit,
            fmt::format("The MTU of {} is {}, which cannot carry a sector: raise it to 1500 or more.",
                        report.interface, report.mtu));
    else if (ours < theirs)
        add(findings, Severity::notice, Kind::frame_limit,
            fmt::format(
                "The target takes {} sectors per frame, and this interface carries {}: an MTU of {} here, "
                "and on everything between, would make larger and fewer frames possible.",
                theirs, ours, mtu_for(theirs)));
    else if (protocol::aligned_sectors(ours) > report.sectors_in_use)
        add(findings, Severity::notice, Kind::frame_limit,
            fmt::format(
                "This interface (MTU {}) carries {} sectors per frame, and the target advertises {}: to use "
                "larger and fewer frames, raise the MTU of the target's interface and of everything "
                "between, or its own limit (aoetarget: sectors-per-frame).",
                report.mtu, ours, theirs));
}

void judge_measurement(const ProbeReport& report, Findings& findings) {
    if (report.to_target == ProbedLength{} && report.sectors_in_use != 0)
        add(findings, Severity::warning, Kind::padding_dropped,
            "The target drops requests with trailing bytes, so the way to it cannot be measured without "
            "writing: "
            "only the way back was.");
    if (!report.refusal.empty())
        add(findings, Severity::error, Kind::reads_refused,
            fmt::format(
                "The target refuses to read its first sectors ({}), so the way back cannot be measured "
                "and initiators cannot use it. Check its disk, and its reservation.",
                report.refusal));
}

// --- Loss and the like ---------------------------------------------------------------------------

void judge_series(const ProbeReport& report, Findings& findings) {
    const std::array<std::pair<const ProbedSeries*, const char*>, 3> all{
        {{&report.small, "short requests"},
         {&report.to_large, "long requests"},
         {&report.from_large, "long answers"}}};
    std::vector<std::string> lossy;
    bool is_heavy = false;
    unsigned duplicates = 0, reordered = 0, sent = 0;
    for (const auto& [series, what] : all) {
        if (series->lost() > 0)
            lossy.push_back(fmt::format("{} of {} {}", series->lost(), series->sent, what));
        is_heavy |= series->lost() * 2 > series->sent;
        duplicates += series->duplicates;
        reordered += series->reordered;
        sent += series->sent;
    }
    if (!lossy.empty())
        add(findings, is_heavy ? Severity::error : Severity::warning, Kind::loss,
            fmt::format(
                "Frames are lost, there or back: {} had no answer{}. An initiator stalls until it repeats "
                "a lost request. Look for errors and drops ('ip -s link' at both ends, the ports of the "
                "switches), bad cables, speeds that differ without flow control, and a target that is "
                "overloaded.",
                join(lossy, ", ", [](const auto& text) { return text; }),
                report.small.lost() == 0 ? "; short frames are not lost" : ""));
    if (duplicates > 0)
        add(findings, Severity::warning, Kind::duplicates,
            fmt::format(
                "{} answers came more than once: look for a loop between switches, and for two targets "
                "with the same MAC address.",
                duplicates));
    if (reordered > 0)
        add(findings, Severity::notice, Kind::reordering,
            fmt::format(
                "{} of {} requests were answered later than one that was sent after them; initiators bear "
                "that.",
                reordered, sent));
}

std::string all_is_well(const ProbeReport& report) {
    const std::size_t bytes = report.bytes_in_use;
    const char* const ways =
        report.to_target.longest >= bytes ? "get through in both directions" : "come back";
    return fmt::format(
        "Nothing is wrong: frames of {} bytes ({} sectors), which initiators use here, {}, and none "
        "was lost.",
        bytes, report.sectors_in_use, ways);
}

} // namespace

std::size_t frame_bytes(unsigned sectors) {
    return protocol::ata_header_bytes + sectors * sector_bytes;
}

std::vector<ProbeFinding> judge(const ProbeReport& report) {
    Findings findings;
    if (report.targets.empty()) {
        judge_silence(report, findings);
        return findings;
    }
    judge_answerers(report, findings);
    if (report.small.answered == 0) {
        add(findings, Severity::error, Kind::unicast_silent,
            fmt::format(
                "The target answers broadcasts, but nothing that is sent to its own address {}: look for a "
                "switch or bridge that has this address at the wrong port, or filters frames, and for "
                "another machine with the same address.",
                to_string(report.targets.front().mac)));
    } else if (report.sectors_in_use != 0 && !report.answers_at_end) {
        add(findings, Severity::error, Kind::fell_silent,
            "The target answered at first, and stopped during the probe. Check whether it still runs (vblade "
            "ends when its interface refuses a long answer), and the links.");
        judge_lengths(report, findings);
    } else {
        judge_lengths(report, findings);
        judge_ends(report, findings);
        judge_measurement(report, findings);
        judge_series(report, findings);
    }
    const bool has_trouble = std::ranges::any_of(
        findings, [](const ProbeFinding& finding) { return finding.severity != Severity::notice; });
    if (!has_trouble)
        findings.insert(findings.begin(), {Severity::notice, Kind::fine, all_is_well(report)});
    std::ranges::stable_sort(findings, {}, &ProbeFinding::severity);
    return findings;
}

} // namespace aoetarget::initiator
