// Notes at the start about settings that work, but not with every initiator.
#pragma once

#include "config/export_spec.hpp"
#include "config/interface_spec.hpp"

#include <string>
#include <vector>

namespace cli {

std::vector<std::string> advice_on(const ExportSpec& spec, std::uint64_t sectors);
std::vector<std::string> advice_on(const InterfaceSpec& spec);

} // namespace cli
