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

} // namespace cli
