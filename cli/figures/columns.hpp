// The columns of the tables that `stats` and `top` show: one list for each kind of row.
#pragma once

#include "figures/rates.hpp"

#include <span>
#include <string>

namespace cli {

template <typename Row>
struct Column {
    const char* title;
    /// On a narrow screen, the columns with the least number disappear first. The first column always stays.
    int importance;
    std::string (*cell)(const Row& row);
};

std::span<const Column<ExportRates>> export_columns();
std::span<const Column<InterfaceRates>> interface_columns();
std::span<const Column<InitiatorRates>> initiator_columns();

/// Returns the state of an interface: "up", "down", "port of br0", "absent".
std::string state_of(const aoetarget::InterfaceStats& interface);

/// What becomes of a name or pattern of Stats::waited_for. A pattern always waits.
struct Waiting {
    std::string state;  ///< "absent", or "pattern".
    std::string serves; ///< "serves 2 interfaces", or nothing for a name.
};
Waiting waiting_of(const aoetarget::Stats& stats, const std::string& name);

} // namespace cli
