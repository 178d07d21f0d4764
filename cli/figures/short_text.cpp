// Chooses a unit, and drops the digits that do not count.
#include "figures/short_text.hpp"

#include "figures/rates.hpp"

#include <fmt/format.h>

#include <array>

namespace cli {
namespace {

constexpr double rounds_to_ten = 9.95;
constexpr double rounds_to_thousand = 999.5;

/// Two digits, or the whole number. A number has ".0" only where it is not whole.
std::string digits(double value) {
    if (value >= rounds_to_ten)
        return fmt::format("{:.0f}", value);
    std::string text = fmt::format("{:.1f}", value);
    if (text.ends_with(".0"))
        text.resize(text.size() - 2);
    return text;
}

std::string scaled(double value, double step, const std::array<const char*, 7>& units) {
    std::size_t unit = 0;
    while (value >= rounds_to_thousand && unit + 1 < units.size()) {
        value /= step;
        ++unit;
    }
    return digits(value) + units[unit];
}

} // namespace

std::string short_count(double count) {
    return scaled(count, 1000, {"", "k", "M", "G", "T", "P", "E"});
}

std::string short_bytes(double bytes) {
    return scaled(bytes, 1024, {"", "K", "M", "G", "T", "P", "E"});
}

std::string short_time(std::chrono::nanoseconds time) {
    struct Unit {
        double seconds;
        const char* name;
    };
    constexpr std::array units{
        Unit{1e-6, "us"}, Unit{1e-3, "ms"}, Unit{1, "s"}, Unit{60, "m"}, Unit{3600, "h"}, Unit{86400, "d"},
    };
    const double seconds = std::chrono::duration<double>(time).count();
    std::size_t unit = 0;
    while (unit + 1 < units.size() && seconds >= (unit < 2 ? 1 : 2) * units[unit + 1].seconds)
        ++unit;
    return digits(seconds / units[unit].seconds) + units[unit].name;
}

std::string short_bound(const std::optional<std::chrono::nanoseconds>& bound) {
    if (!bound)
        return "-";
    if (*bound == Percentiles::beyond)
        return ">" + short_time(std::chrono::nanoseconds(aoetarget::LatencyHistogram::bounds.back()));
    return short_time(*bound);
}

} // namespace cli
