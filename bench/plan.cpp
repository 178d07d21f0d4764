#include "plan.hpp"

#include <algorithm>
#include <stdexcept>

#include <fmt/format.h>

namespace bench {

namespace {

// Blocks that share a mark are not in flight together either. Neighbours never share one, so a
// sequence stays a sequence.
constexpr std::size_t in_flight_marks = std::size_t{1} << 16;
static_assert(in_flight_marks > 4 * largest_window);

constexpr std::uint64_t most_verified_blocks = std::uint64_t{1} << 26; // 256 MiB of bookkeeping

} // namespace

Plan::Plan(const Workload& workload, std::span<const Export> exports)
    : workload_(workload), pattern_(workload.seed), in_flight_(in_flight_marks),
      random_state_(mix(~workload.seed)) {
    for (const auto& exported : exports) {
        const std::uint64_t usable =
            workload.span_sectors == 0 ? exported.sectors : std::min(exported.sectors, workload.span_sectors);
        Area area{exported.address, usable / workload.sectors, 0, {}};
        if (area.blocks <= workload.window)
            throw std::runtime_error(
                fmt::format("e{}.{} is too small for this window", area.address.shelf, area.address.slot));
        if (workload.verify) {
            if (area.blocks > most_verified_blocks)
                throw std::runtime_error(fmt::format("e{}.{} is too large to verify: give a --span",
                                                     area.address.shelf, area.address.slot));
            area.generations.resize(area.blocks);
        }
        areas_.push_back(std::move(area));
    }
}

std::uint64_t Plan::pick_block(Area& area) {
    const bool at_random =
        workload_.order == Order::random || (workload_.order == Order::mixed && (random() & 1) != 0);
    if (at_random)
        return random() % area.blocks;
    const std::uint64_t block = area.cursor;
    area.cursor = block + 1 == area.blocks ? 0 : block + 1;
    return block;
}

std::vector<bool>::reference Plan::in_flight(const Step& step) {
    return in_flight_[(step.block + mix(step.export_index)) % in_flight_marks];
}

Step Plan::next() {
    Step step{next_area_, 0, false, 0};
    next_area_ = next_area_ + 1 == areas_.size() ? 0 : next_area_ + 1;
    auto& area = areas_[step.export_index];

    step.block = pick_block(area);
    step.write = workload_.read_percent == 0 ||
                 (workload_.read_percent < 100 && random() % 100 >= workload_.read_percent);
    while (in_flight(step))
        step.block = pick_block(area);
    in_flight(step) = true;
    if (step.write)
        step.generation = ++generation_;
    return step;
}

void Plan::fill(const Step& step, std::span<std::byte> data) const {
    pattern_.fill(data, step.lba(workload_.sectors), step.generation);
}

void Plan::done(const Step& step, bool succeeded, std::span<const std::byte> data, Result& result) {
    in_flight(step) = false;
    if (!workload_.verify)
        return;
    auto& area = areas_[step.export_index];
    if (step.write)
        area.generations[step.block] = succeeded ? step.generation : 0;
    else if (succeeded)
        check(area, step, data, result);
}

void Plan::check(const Area& area, const Step& step, std::span<const std::byte> data, Result& result) const {
    const std::uint32_t expected = area.generations[step.block];
    std::uint64_t lba = step.lba(workload_.sectors);
    for (std::size_t at = 0; at < data.size(); at += wire::sector_bytes, ++lba) {
        const std::uint32_t found = pattern_.generation(data.subspan(at, wire::sector_bytes), lba);
        if (expected == 0 && found == 0) {
            ++result.unwritten_sectors;
        } else if (expected == 0 || found == expected) {
            ++result.verified_sectors;
        } else {
            ++result.wrong_sectors;
            if (result.first_problem.empty())
                result.first_problem =
                    fmt::format("e{}.{} sector {}: write {} was acknowledged, {} was read",
                                area.address.shelf, area.address.slot, lba, expected,
                                found == 0 ? "something else" : fmt::format("write {}", found));
        }
    }
}

} // namespace bench
