// Notes at the start about settings that work, but not with every initiator.
#pragma once

#include "config/export_spec.hpp"
#include "config/interface_spec.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace cli {

inline constexpr std::string_view volatile_advice = "durability=volatile: Linux initiators never flush, so a "
                                                    "power cut here loses writes that they believe to "
                                                    "be stored";

std::vector<std::string> advice_on(const ExportSpec& spec, std::uint64_t sectors);
std::vector<std::string> advice_on(const InterfaceSpec& spec);
/// Returns what a change of an export while it is served adds to such advice, each sentence after its
/// address. `before` is null for a new export.
std::vector<std::string> advice_on_change(const ExportSpec* before, const ExportSpec& after,
                                          std::uint64_t sectors);

} // namespace cli
