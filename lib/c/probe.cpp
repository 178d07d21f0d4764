// The test of a path, for tools.
#include "c/discovered.hpp"

#include <aoetarget-c/probe.h>
#include <aoetarget/probe.hpp>

#include <memory>

using namespace aoetarget::c_interface;

struct aoetarget_probe_report {
    aoetarget::ProbeReport all;
};

namespace {

const aoetarget::ProbeReport& report_of(const aoetarget_probe_report* report) {
    return needed(report, "there is no report; pass what aoetarget_probe() has returned").all;
}

const aoetarget::ProbedSeries& series_of(const aoetarget::ProbeReport& report, int32_t series) {
    switch (series) {
    case AOETARGET_SERIES_SMALL:
        return report.small;
    case AOETARGET_SERIES_TO_LARGE:
        return report.to_large;
    case AOETARGET_SERIES_FROM_LARGE:
        return report.from_large;
    default:
        refuse(EINVAL, "there is no such series; pass AOETARGET_SERIES_SMALL or another one");
    }
}

} // namespace

aoetarget_probe_report* aoetarget_probe(const char* interface_name, uint16_t shelf, uint8_t slot) {
    return guarded_pointer([&] {
        if (shelf > aoetarget::Address::max_shelf || slot > aoetarget::Address::max_slot)
            refuse(EINVAL, "a wildcard has no path to probe; pass the address of one export");
        auto report = std::make_unique<aoetarget_probe_report>();
        report->all =
            aoetarget::probe(&needed(interface_name, "the interface has no name; pass one"), {shelf, slot});
        return report.release();
    });
}

void aoetarget_destroy_probe_report(aoetarget_probe_report* report) {
    delete report;
}

int aoetarget_get_probe_summary(const aoetarget_probe_report* report, aoetarget_probe_summary* out,
                                size_t size) {
    return guarded([&] {
        const aoetarget::ProbeReport& from = report_of(report);
        aoetarget_probe_summary to{};
        to.targets = from.targets.size();
        to.others = from.others.size();
        to.findings = from.findings.size();
        to.port_of = from.port_of.c_str();
        to.refusal = from.refusal.c_str();
        to.mtu = from.mtu;
        std::ranges::copy(from.mac.bytes, to.mac);
        to.answers_at_end = from.answers_at_end ? 1 : 0;
        to.sectors_in_use = from.sectors_in_use;
        to.bytes_in_use = from.bytes_in_use;
        to.to_target_longest = from.to_target.longest;
        to.to_target_shortest_lost = from.to_target.shortest_lost;
        to.from_target_longest = from.from_target.longest;
        to.from_target_shortest_lost = from.from_target.shortest_lost;
        return fill(out, size, to);
    });
}

int aoetarget_get_probe_target(const aoetarget_probe_report* report, size_t index, aoetarget_discovered* out,
                               size_t size) {
    return guarded([&] { return fill_entry(report_of(report).targets, index, out, size); });
}

int aoetarget_get_probe_other(const aoetarget_probe_report* report, size_t index, aoetarget_discovered* out,
                              size_t size) {
    return guarded([&] { return fill_entry(report_of(report).others, index, out, size); });
}

int aoetarget_get_probe_series(const aoetarget_probe_report* report, int32_t series,
                               aoetarget_probe_series* out, size_t size) {
    return guarded([&] {
        const aoetarget::ProbedSeries& from = series_of(report_of(report), series);
        aoetarget_probe_series to{};
        to.request_bytes = from.request_bytes;
        to.answer_bytes = from.answer_bytes;
        to.sent = from.sent;
        to.answered = from.answered;
        to.duplicates = from.duplicates;
        to.reordered = from.reordered;
        to.min_ns = from.min.count();
        to.median_ns = from.median.count();
        to.p99_ns = from.p99.count();
        to.max_ns = from.max.count();
        return fill(out, size, to);
    });
}

int aoetarget_get_probe_finding(const aoetarget_probe_report* report, size_t index,
                                aoetarget_probe_finding* out, size_t size) {
    return guarded([&] {
        const aoetarget::ProbeFinding& from = entry_of(report_of(report).findings, index);
        aoetarget_probe_finding to{};
        to.severity = static_cast<int32_t>(from.severity);
        to.kind_name = name(from.kind).data();
        to.text = from.text.c_str();
        return fill(out, size, to);
    });
}
