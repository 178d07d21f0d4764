// IDENTIFY data: any 512 bytes can be read, and the description of an export reads back.
#include "fuzz_target.hpp"
#include "input.hpp"

#include "protocol/identify.hpp"

#include <bit>
#include <numeric>

using namespace aoetest;
using namespace aoetarget::protocol;

namespace {

void read_any(const Bytes& data) {
    const auto summary = IdentifySummary::parse(std::as_bytes(std::span(data)));
    const Identify wire(data);
    const bool lba48 = wire.bit(83, 10) || wire.bit(86, 10);
    require(summary.sectors == (lba48 ? wire.sectors_48() : wire.sectors_28()), "the capacity");
}

std::string without_trailing_spaces(std::string text, std::size_t limit) {
    text.resize(std::min(text.size(), limit));
    text.erase(text.find_last_not_of(' ') + 1);
    return text;
}

std::string any_text(Input& input) {
    std::string text;
    for (const std::uint8_t byte : input.take(input.below(64)))
        text += static_cast<char>(' ' + byte % 95);
    return text;
}

void write_and_read(Input& input) {
    aoetarget::Geometry geometry;
    geometry.sectors = input.number(6);
    geometry.logical_block_bytes = 512U << input.below(8);
    geometry.physical_block_bytes = geometry.logical_block_bytes << input.below(4);
    geometry.physical_offset_sectors =
        static_cast<std::uint32_t>(input.number(2)) % (geometry.physical_block_bytes / 512);
    const std::uint8_t flags = input.byte();
    geometry.read_only = (flags & 1) != 0;
    geometry.volatile_cache = (flags & 2) != 0;
    geometry.discard = (flags & 4) != 0;
    geometry.discard_zeroes = (flags & 8) != 0;
    geometry.rotation_rate = static_cast<std::uint16_t>(input.number(2));
    const std::string serial = any_text(input), model = any_text(input), firmware = any_text(input);
    Bytes data(512, 0xEE);
    write_identify(std::as_writable_bytes(std::span(data)), {.serial = serial,
                                                             .model = model,
                                                             .firmware = firmware,
                                                             .geometry = geometry,
                                                             .write_cache_enabled = (flags & 16) != 0,
                                                             .max_dsm_sectors = input.byte()});
    const Identify wire(data);
    require(wire.sectors_48() == geometry.sectors, "words 100 to 103");
    require(wire.sectors_28() == std::min<std::uint64_t>(geometry.sectors, 0x0FFFFFFF), "words 60 and 61");
    require(wire.text(10, 19) == without_trailing_spaces(serial, 20), "the serial number");
    require(wire.text(23, 26) == without_trailing_spaces(firmware, 8), "the firmware");
    require(wire.text(27, 46) == without_trailing_spaces(model, 40), "the model");
    require(wire.bit(82, 5) == geometry.volatile_cache, "whether there is a write cache");
    require(wire.bit(85, 5) == (geometry.volatile_cache && (flags & 16) != 0), "whether it is on");
    require(wire.bit(169, 0) == (geometry.discard && !geometry.read_only), "whether it can trim");
    require((wire.words[106] & 0xF) == std::countr_zero(geometry.physical_block_bytes / 512),
            "the physical block");
    require(std::accumulate(data.begin(), data.end(), std::uint8_t{0}) == 0, "the checksum");
    const auto summary = IdentifySummary::parse(std::as_bytes(std::span(data)));
    require(summary.sectors == geometry.sectors, "the capacity reads back");
}

} // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    Bytes sector(data, data + std::min<std::size_t>(size, 512));
    sector.resize(512);
    read_any(sector);
    Input input({data, size});
    write_and_read(input);
    return 0;
}
