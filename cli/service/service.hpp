// Serving: what `serve` and `vblade` have in common once their arguments are read.
#pragma once

#include "config/export_spec.hpp"

#include <string>
#include <vector>

namespace cli {

/// The argument of -i: IF[,link=auto|packet|xdp][,sectors-per-frame=auto|N]
struct InterfaceSpec {
    std::string name;
    aoetarget::InterfaceOptions options;

    bool operator==(const InterfaceSpec&) const = default;
};

/// Throws UsageError that quotes the bad part and says what is allowed.
InterfaceSpec parse_interface_spec(const std::string& text);

struct Service {
    aoetarget::TargetOptions target;
    /// Each serves a part of the exports.
    unsigned threads = 1;
    std::vector<InterfaceSpec> interfaces;
    std::vector<ExportSpec> exports;
    /// Sentences for people, printed with the report at the start.
    std::vector<std::string> notes;
};

/// Throws UsageError where something is missing or given twice.
void check_service(const Service& service);

/// One line per export as it is served: address, path, size, mode.
std::string describe_export(const ExportSpec& spec, std::uint64_t sectors, std::string_view mode);
/// One line per interface: name, address, MTU, sectors per frame, the link that was taken and why.
std::string describe_interface(const aoetarget::InterfaceStats& interface);

/// Opens everything, reports on standard error, then serves until a signal ends it. Returns the exit code.
int run_service(const Service& service);

} // namespace cli
