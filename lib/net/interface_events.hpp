// The changes of an interface that the operator should know of.
#pragma once

#include "core/event_log.hpp"
#include "net/interface.hpp"

#include <string>

namespace aoetarget::net {

/// Tells that the interface is gone, and that the next one with the name `wanted` is served; an empty name
/// tells that none is waited for, because interfaces like this one come and go.
void tell_gone(core::EventLog& log, const std::string& name, const std::string& wanted);
/// Tells the changes between two looks at the interface. An index of 0 in `before` means that it did not
/// exist.
void tell_changes(core::EventLog& log, const std::string& name, const InterfaceState& before,
                  const InterfaceState& now, bool master_is_served);

} // namespace aoetarget::net
