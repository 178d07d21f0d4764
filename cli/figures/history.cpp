// Keeps values, and draws them.
#include "figures/history.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

namespace cli {
namespace {

std::string key_of(const ExportRates& exported) {
    return to_string(exported.now.address);
}

std::string key_of(const InterfaceRates& interface) {
    return "interface " + interface.now.name;
}

std::string key_of(const InitiatorRates& initiator) {
    return to_string(initiator.now.exported) + ' ' + to_string(initiator.now.initiator);
}

constexpr std::array bars{" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
constexpr std::array plain_bars{" ", ".", ".", ":", "-", "=", "+", "#", "@"};
constexpr double highest_bar = bars.size() - 1;

} // namespace

void History::add(const Rates& rates) {
    Values next;
    for (const ExportRates& exported : rates.exports)
        carry_over(next, key_of(exported), exported.requests());
    for (const InterfaceRates& interface : rates.interfaces)
        carry_over(next, key_of(interface), interface.frames());
    for (const InitiatorRates& initiator : rates.initiators)
        carry_over(next, key_of(initiator), initiator.requests());
    values_ = std::move(next);
}

void History::carry_over(Values& to, const std::string& key, double value) const {
    const auto found = values_.find(key);
    std::deque<double> values = found == values_.end() ? std::deque<double>() : found->second;
    values.push_back(value);
    if (values.size() > length)
        values.pop_front();
    to.emplace(key, std::move(values));
}

std::vector<double> History::of(const std::string& key) const {
    const auto found = values_.find(key);
    return found == values_.end() ? std::vector<double>()
                                  : std::vector<double>(found->second.begin(), found->second.end());
}

std::vector<double> History::of(const ExportRates& exported) const {
    return of(key_of(exported));
}

std::vector<double> History::of(const InterfaceRates& interface) const {
    return of(key_of(interface));
}

std::vector<double> History::of(const InitiatorRates& initiator) const {
    return of(key_of(initiator));
}

std::string sparkline(std::span<const double> values, std::size_t width, bool plain) {
    const auto shown = values.last(std::min(values.size(), width));
    const auto& characters = plain ? plain_bars : bars;
    const double highest = shown.empty() ? 0 : *std::ranges::max_element(shown);
    std::string line(width - shown.size(), ' ');
    for (const double value : shown) {
        const double part = highest > 0 ? value / highest : 0;
        line += characters[static_cast<std::size_t>(std::ceil(part * highest_bar))];
    }
    return line;
}

} // namespace cli
