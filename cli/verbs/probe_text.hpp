// The result of a probe as text: human-readable, and JSON for programs.
#pragma once

#include <aoetarget/probe.hpp>

#include <string>

namespace cli {

std::string probe_text(const aoetarget::ProbeReport& report);

/// Returns an object. Members that were not measured are null.
std::string probe_json(const aoetarget::ProbeReport& report);

} // namespace cli
