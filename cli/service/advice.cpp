// Knows the limits of initiators.
#include "service/advice.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

namespace cli {
namespace {

using namespace std::chrono_literals;

// Linux drivers with static minor numbers have 16 for each shelf.
constexpr unsigned last_static_slot = 15;
// The shelf of hardware whose address switches are all on.
constexpr unsigned shelf_that_linux_ignores = 0xFFF;
constexpr std::chrono::seconds linux_patience{180};
// These fit a frame of the usual MTU, 1500.
constexpr unsigned sectors_that_always_fit = 2;

} // namespace

std::vector<std::string> advice_on(const ExportSpec& spec, std::uint64_t sectors) {
    const aoetarget::Address& address = spec.options.address;
    std::vector<std::string> advice;
    if (spec.file.force)
        advice.emplace_back(
            "It was taken by force: any other program that writes to it, above all a mounted file system, "
            "destroys data.");
    if (address.slot > last_static_slot)
        advice.push_back(
            fmt::format("Old Linux drivers, and newer ones with the module option aoe_dyndevs=0, know "
                        "slots 0 to {} only. Choose one of these if initiators have such a driver.",
                        last_static_slot));
    if (address.shelf == shelf_that_linux_ignores)
        advice.push_back(
            fmt::format("Linux initiators ignore shelf {}. Choose another one for them.", address.shelf));
    if (sectors % 2 != 0) {
        advice.push_back(
            fmt::format("Its number of sectors ({}) is odd, so Linux initiators read and write the disk "
                        "itself in single sectors, which is slow.",
                        sectors));
        if (sectors > 1)
            advice.back() += fmt::format(" Add length={}s to leave out the last one.", sectors - 1);
    }
    const std::string crash = fmt::format(
        "current Linux initiators crash when a disk has not answered for {} seconds. Choose less than that.",
        linux_patience.count());
    if (spec.options.silence_on_error.value_or(0s) >= linux_patience)
        advice.push_back("on-error=silent leaves requests unanswered for too long: " + crash);
    if (spec.options.device_timeout == 0s || spec.options.device_timeout >= linux_patience)
        advice.push_back("device-timeout lets a disk hang for too long: " + crash);
    return advice;
}

std::vector<std::string> advice_on(const InterfaceSpec& spec) {
    constexpr unsigned header_bytes = 36; // as Linux computes it
    const unsigned sectors = spec.options.sectors_per_frame;
    if (sectors <= sectors_that_always_fit)
        return {};
    return {fmt::format(
        "sectors-per-frame={} needs an MTU of {} on the whole way to each initiator, and the target "
        "knows only its own. Check switches and initiators: if such frames are lost, disks hang. "
        "'aoetarget probe' on an initiator's network finds out what arrives. The line of the interface has "
        "the "
        "number that its own MTU permits.",
        sectors, header_bytes + sectors * aoetarget::sector_bytes)};
}

std::vector<std::string> advice_on_change(const ExportSpec* before, const ExportSpec& after,
                                          std::uint64_t sectors) {
    const auto all_on = [&](const ExportSpec& spec) {
        std::vector<std::string> all = advice_on(spec, sectors);
        if (spec.file.durability == aoetarget::Durability::volatile_cache && !spec.file.read_only)
            all.push_back(fmt::format("{}; use durability=stable for data that matters", volatile_advice));
        return all;
    };
    const std::vector<std::string> known = before != nullptr ? all_on(*before) : std::vector<std::string>();
    std::vector<std::string> news;
    for (const std::string& advice : all_on(after)) {
        if (std::ranges::find(known, advice) == known.end())
            news.push_back(fmt::format("{}: {}", to_string(after.options.address), advice));
    }
    return news;
}

} // namespace cli
