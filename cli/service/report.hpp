// Texts for people on standard error: the exports and interfaces at the start, and the losses at the end.
#pragma once

#include "config/export_spec.hpp"
#include "service/target_threads.hpp"

#include <string>
#include <string_view>

namespace cli {

/// One line per export as it is served: address, path, size, mode.
std::string describe_export(const ExportSpec& spec, std::uint64_t sectors, std::string_view mode);
/// One line per interface: name, address, MTU, sectors per frame, the link that was taken and why.
std::string describe_interface(const aoetarget::InterfaceStats& interface);

/// The report at the start: notes, then lines.
class Report {
  public:
    void add_line(std::string_view line);
    void add_note(std::string_view note);
    /// A line for each interface, with a note where it serves nothing as it is.
    void add_interfaces(const TargetThreads::Interfaces& threads);

    [[nodiscard]] std::string text() const { return notes_ + lines_; }

  private:
    std::string notes_;
    std::string lines_;
};

/// Says which exports had flushes that failed. Returns whether there was any.
bool say_losses(const aoetarget::Target& target);

} // namespace cli
