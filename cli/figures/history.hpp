// The requests per second of the last minutes, and a line that draws them.
#pragma once

#include "figures/rates.hpp"

#include <deque>
#include <map>
#include <span>
#include <string>
#include <vector>

namespace cli {

class History {
  public:
    /// The number of values that it keeps of each.
    static constexpr std::size_t length = 120;

    /// Adds a value for each export, interface and initiator, and forgets those that are there no longer.
    void add(const Rates& rates);

    // Each returns the values, the oldest first: requests per second, or frames.
    [[nodiscard]] std::vector<double> of(const ExportRates& exported) const;
    [[nodiscard]] std::vector<double> of(const InterfaceRates& interface) const;
    [[nodiscard]] std::vector<double> of(const InitiatorRates& initiator) const;

  private:
    using Values = std::map<std::string, std::deque<double>>; ///< By what they are of.

    [[nodiscard]] std::vector<double> of(const std::string& key) const;
    void carry_over(Values& to, const std::string& key, double value) const;

    Values values_;
};

/// Returns a character for each of the last `width` values, as high as the value is against the largest of
/// them; spaces stand for those that there are not. `plain` makes it of ASCII.
std::string sparkline(std::span<const double> values, std::size_t width, bool plain);

} // namespace cli
