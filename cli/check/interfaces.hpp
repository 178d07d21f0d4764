// What `check` says of an interface.
#pragma once

#include "check/finding.hpp"
#include "config/interface_spec.hpp"

#include <aoetarget/inspect.hpp>

#include <cstdint>

namespace cli {

std::string subject_of(const InterfaceSpec& spec);

/// Judges an interface that is there. `largest_buffer_bytes` is net.core.rmem_max.
Findings judge_interface(const InterfaceSpec& spec, const aoetarget::InterfaceInspection& found,
                         std::uint64_t largest_buffer_bytes);

/// Judges a name or a pattern that no interface has.
Findings judge_absence(const InterfaceSpec& spec);

} // namespace cli
