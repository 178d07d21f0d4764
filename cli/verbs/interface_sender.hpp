// Interfaces that this process prepares for a target which has given up the rights that this takes.
#pragma once

#include "config/configuration.hpp"
#include "config/difference.hpp"
#include "control/client.hpp"
#include "failure.hpp"

#include <functional>
#include <vector>

namespace cli {

/// Returns the interfaces of changes that a process with more rights can serve better: those that are added,
/// unless a pattern stands for them or they are only renamed, and those that may have XDP from now on.
std::vector<InterfaceSpec> interfaces_to_prepare(ControlClient& client, const std::vector<Change>& changes);

/// Learns which interface cannot be prepared, and why.
using InterfaceFailed = std::function<void(const InterfaceSpec& spec, const Failure& failure)>;

/// Prepares the interfaces and passes them to the target, which keeps them until the next change that this
/// client asks for. What this process cannot prepare, or the target does not take (it may be in another
/// network namespace), is left to the target. Calls `failed` for each that demands XDP and cannot have it.
void prepare_for_target(ControlClient& client, const std::vector<InterfaceSpec>& interfaces, unsigned threads,
                        const InterfaceFailed& failed);

} // namespace cli
