// Lays the figures of a probe out.
#include "verbs/probe_text.hpp"

#include "text.hpp"
#include "verbs/target_list.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <array>
#include <chrono>
#include <utility>

namespace cli {
namespace {

using aoetarget::DiscoveredTarget, aoetarget::ProbedLength, aoetarget::ProbedSeries, aoetarget::ProbeReport,
    aoetarget::ProbeFinding;
using nlohmann::ordered_json;

double microseconds(std::chrono::nanoseconds time) {
    return std::chrono::duration<double, std::micro>(time).count();
}

std::string human_time(std::chrono::nanoseconds time) {
    const double us = microseconds(time);
    return us < 10'000 ? fmt::format("{:.0f} us", us) : fmt::format("{:.1f} ms", us / 1000);
}

bool is_good(const ProbeFinding& finding) {
    return finding.kind == aoetarget::ProbeFindingKind::fine;
}

std::array<std::pair<const char*, const ProbedSeries*>, 3> series_of(const ProbeReport& report) {
    return {{{"small", &report.small}, {"to_large", &report.to_large}, {"from_large", &report.from_large}}};
}

// --- For people ----------------------------------------------------------------------------------

std::string target_text(const DiscoveredTarget& target) {
    std::string text =
        fmt::format("  {}, firmware 0x{:04x}, {} sectors per frame, {} buffers", to_string(target.mac),
                    target.firmware_version, target.sectors_per_frame, target.buffer_count);
    if (!target.config_string.empty())
        text += fmt::format(", config string '{}'", printable(target.config_string));
    if (target.sectors != 0)
        text +=
            fmt::format("\n  {}, {}, serial number {}", human_size(target.sectors * aoetarget::sector_bytes),
                        printable(target.model), printable(target.serial));
    return text + '\n';
}

std::string length_text(const ProbedLength& length) {
    if (length.longest == 0 && length.shortest_lost == 0)
        return "not measured";
    if (length.longest == 0)
        return fmt::format("none, {} bytes are lost already", length.shortest_lost);
    if (length.shortest_lost == 0)
        return fmt::format("{} bytes, the longest that was tried", length.longest);
    return fmt::format("{} bytes, {} are lost", length.longest, length.shortest_lost);
}

std::string series_table(const ProbeReport& report) {
    constexpr const char* row = "  {:<22}{:>6}{:>6}{:>12}{:>11}{:>10}{:>10}{:>10}{:>10}\n";
    std::string table = fmt::format(row, "REQUEST, ANSWER BYTES", "SENT", "LOST", "DUPLICATES", "REORDERED",
                                    "MIN", "MEDIAN", "P99", "MAX");
    for (const auto& [name, series] : series_of(report)) {
        if (series->sent == 0)
            continue;
        const auto time = [answered = series->answered](std::chrono::nanoseconds value) {
            return answered == 0 ? std::string("-") : human_time(value);
        };
        table += fmt::format(row, fmt::format("{}, {}", series->request_bytes, series->answer_bytes),
                             series->sent, series->lost(), series->duplicates, series->reordered,
                             time(series->min), time(series->median), time(series->p99), time(series->max));
    }
    return table;
}

// --- For programs --------------------------------------------------------------------------------

ordered_json length_json(const ProbedLength& length) {
    if (length == ProbedLength{})
        return nullptr;
    ordered_json object{{"longest_bytes", length.longest}, {"shortest_lost_bytes", nullptr}};
    if (length.shortest_lost != 0)
        object["shortest_lost_bytes"] = length.shortest_lost;
    return object;
}

ordered_json series_json(const ProbedSeries& series) {
    if (series.sent == 0)
        return nullptr;
    ordered_json object{
        {"request_bytes", series.request_bytes},
        {"answer_bytes", nullptr},
        {"sent", series.sent},
        {"lost", series.lost()},
        {"duplicates", series.duplicates},
        {"reordered", series.reordered},
        {"latency_us", nullptr},
    };
    if (series.answered == 0)
        return object;
    object["answer_bytes"] = series.answer_bytes;
    object["latency_us"] = {{"min", microseconds(series.min)},
                            {"median", microseconds(series.median)},
                            {"p99", microseconds(series.p99)},
                            {"max", microseconds(series.max)}};
    return object;
}

} // namespace

std::string probe_text(const ProbeReport& report) {
    std::string text = fmt::format("{} on {} (MTU {}, {})\n", to_string(report.address), report.interface,
                                   report.mtu, to_string(report.mac));
    for (const DiscoveredTarget& target : report.targets)
        text += target_text(target);
    if (report.small.sent != 0)
        text += fmt::format(
            "\nLongest frame, with its Ethernet header of 14 bytes\n  to the target: {}\n  back: {}\n"
            "Initiators use {} bytes ({} sectors).\n\n{}",
            length_text(report.to_target), length_text(report.from_target), report.bytes_in_use,
            report.sectors_in_use, series_table(report));
    text += '\n';
    for (const ProbeFinding& finding : report.findings)
        text += fmt::format("{}: {}\n", is_good(finding) ? "OK" : name(finding.severity),
                            printable(finding.text));
    return text;
}

std::string probe_json(const ProbeReport& report) {
    ordered_json object{
        {"address", to_string(report.address)},
        {"interface", report.interface},
        {"mtu", report.mtu},
        {"mac", to_string(report.mac)},
        {"targets", targets_as_json(report.targets)},
        {"other_targets", targets_as_json(report.others)},
        {"sectors_in_use", report.sectors_in_use},
        {"bytes_in_use", report.bytes_in_use},
        {"to_target", length_json(report.to_target)},
        {"from_target", length_json(report.from_target)},
    };
    for (const auto& [name, series] : series_of(report))
        object[name] = series_json(*series);
    object["findings"] = ordered_json::array();
    for (const ProbeFinding& finding : report.findings)
        object["findings"].push_back({{"severity", name(finding.severity)},
                                      {"kind", name(finding.kind)},
                                      {"text", printable(finding.text)}});
    return object.dump(2) + '\n';
}

} // namespace cli
