// Finds exports before a run: Query Config for the MAC address, IDENTIFY DEVICE for the size.
#pragma once

#include "port.hpp"
#include "workload.hpp"

#include <chrono>
#include <span>
#include <vector>

namespace bench {

// Asks until every address has answered; throws when `patience` ends first.
std::vector<Export> discover(Port& port, std::span<const wire::Address> addresses,
                             std::chrono::milliseconds patience);

} // namespace bench
