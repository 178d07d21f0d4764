// Writes that the target's history of writes finds hard to tell apart.
#pragma once

#include "content.hpp"

#include "core/core.hpp"

#include <span>
#include <vector>

namespace aoesim {

/// The history keeps what it remembers in so many lists, chosen by its content.
inline constexpr std::uint64_t history_buckets = 4096;

/// Changes the data, which has plain edges, so that the write falls into this bucket. Only a simulation can
/// do that, which knows the seed of the target's hash.
inline void collide(std::span<std::uint8_t> data, const aoetarget::SectorRange& range, std::uint8_t command,
                    std::uint64_t bucket) {
    using namespace aoetarget;
    static const core::ContentHash hash(core::Core::Options{}.seed);
    const core::FramePool::Layout layout{.slots = 1, .frame_bytes = protocol::ata_header_bytes + data.size()};
    std::vector<std::byte> memory(layout.region_bytes());
    core::FramePool pool(memory, layout);
    core::Request request;
    request.slot = std::move(*pool.take());
    request.range = range;
    request.registers.count = static_cast<std::uint8_t>(range.count);
    request.registers.command_or_status = command;
    std::ranges::copy(std::as_bytes(data), request.payload().begin());
    constexpr std::size_t last_word = sector_bytes - sizeof(std::uint64_t);
    for (std::uint64_t more = 0; more < free_bits; ++more) {
        const std::uint64_t last = plain_edge(range.first) + more;
        std::memcpy(&request.payload()[last_word], &last, sizeof last);
        std::memcpy(&data[last_word], &last, sizeof last);
        if (hash.content_of(request) % history_buckets == bucket)
            return;
    }
}

} // namespace aoesim
