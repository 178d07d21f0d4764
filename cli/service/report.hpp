// Human-readable texts on standard error: the exports and interfaces at the start, and the losses at the end.
#pragma once

#include "config/export_spec.hpp"

#include <aoetarget/target.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace cli {

/// Returns the line of an export: address, path, size, mode, and for whom it is there.
std::string describe_export(const ExportSpec& spec, std::uint64_t sectors, std::string_view mode);
/// Returns the line of an interface: name, address, MTU, sectors per frame, and the link with the reason for
/// it.
std::string describe_interface(const aoetarget::InterfaceStats& interface);

/// Returns what is to be known of the rules of this machine that the frames of an interface pass by.
std::vector<std::string> rule_notes(const aoetarget::InterfaceStats& interface);
/// Returns why initiators are told a smaller buffer count than the options ask for, or nothing.
std::string buffers_note(const aoetarget::InterfaceStats& interface);
/// Returns why the interface cannot serve in its present state, and the cure, or nothing. `all` are the
/// interfaces that the target serves.
std::string state_note(const aoetarget::InterfaceStats& interface,
                       const std::vector<aoetarget::InterfaceStats>& all = {});
/// Returns a note for the name or the pattern of interfaces that may come.
std::string waited_for_note(std::string_view name);

/// The report at the start: notes, then lines.
class Report {
  public:
    void add_line(std::string_view line);
    void add_note(std::string_view note);
    /// Adds a line for each interface, and a note if it cannot serve in its present state.
    void add_interfaces(const std::vector<aoetarget::InterfaceStats>& interfaces);
    /// A note for the name or the pattern of interfaces that may come.
    void add_waited_for(std::string_view name);

    void say() const;

  private:
    std::string notes_;
    std::string lines_;
};

/// Says which exports had flushes that failed. Returns whether there was any.
bool say_losses(const aoetarget::Target& target);

} // namespace cli
