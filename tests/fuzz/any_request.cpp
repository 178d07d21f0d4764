#include "any_request.hpp"

namespace aoetest {
namespace {

constexpr std::uint8_t opcodes[] = {
    0x24, 0x34, 0x24, 0x34, 0x20, 0x30, 0x3D, 0x25, 0x35, 0xCA, 0xC8, // reads and writes
    0x42, 0x40, 0x06, 0xE7, 0xEA, 0xEC, 0xEF, 0xE5, 0xE0, 0xE1, 0x90, 0xB0, 0x00,
};
constexpr std::uint8_t features[] = {0x02, 0x82, 0x03, 0x55, 0xAA, 0x66, 0xCC, 0x01};

std::uint8_t any_or(Input& input, std::uint8_t usual) {
    const std::uint8_t chosen = input.byte();
    return chosen < 0xF0 ? usual : input.byte();
}

std::uint64_t any_lba(Input& input) {
    const std::uint8_t chosen = input.byte();
    return chosen < 0xF0 ? chosen % 80 : input.number(6);
}

void add_trim(Request& request, Input& input) {
    Bytes list;
    for (std::size_t entries = input.below(5); entries > 0; --entries) {
        const std::uint64_t lba = any_lba(input);
        for (unsigned i = 0; i < 6; ++i)
            list.push_back(static_cast<std::uint8_t>(lba >> (8 * i)));
        list.push_back(static_cast<std::uint8_t>(input.below(24)));
        list.push_back(any_or(input, 0));
    }
    list.resize(sector_bytes);
    request.argument.insert(request.argument.end(), list.begin(), list.end());
    request.at(24) |= aflag_write;
    request.at(25) = any_or(input, 1);
    request.at(26) = any_or(input, 1);
}

Request any_ata(Input& input, std::uint32_t fresh_version) {
    const std::uint8_t opcode = any_or(input, input.one_of(opcodes));
    const auto count = any_or(input, static_cast<std::uint8_t>(input.below(10)));
    const std::uint64_t lba = any_lba(input);
    Request request = ata_request(opcode, input.one_of(features), count, lba);
    if (opcode == ata::data_set_management) {
        add_trim(request, input);
    } else if (ata::writes_data(opcode)) {
        const std::uint8_t version = input.byte();
        const Bytes data = pattern(lba, count, version < 4 ? version : fresh_version);
        request.argument.insert(request.argument.end(), data.begin(), data.end());
        request.at(24) |= aflag_write;
    }
    request.at(24) |= any_or(input, 0);
    return request;
}

Request any_config(Input& input) {
    const std::uint8_t command = any_or(input, static_cast<std::uint8_t>(input.below(5)));
    const std::size_t length = 4 * input.below(256);
    const std::string text(length, static_cast<char>('a' + input.below(2)));
    Request request = config_request(command, text);
    request.at(30) = any_or(input, request.at(30));
    return request;
}

Request any_mask(Input& input) {
    std::vector<Directive> directives;
    const std::uint8_t command = any_or(input, static_cast<std::uint8_t>(input.below(2)));
    for (std::size_t count = input.below(8); count > 0; --count)
        directives.push_back({any_or(input, static_cast<std::uint8_t>(input.below(3))), any_client(input)});
    Request request = mask_request(command, directives);
    request.at(27) = any_or(input, request.at(27));
    return request;
}

Request any_reserve(Input& input) {
    const std::uint8_t command = any_or(input, static_cast<std::uint8_t>(input.below(3)));
    std::vector<Mac> holders;
    const std::size_t count = input.below(8);
    for (std::size_t i = 0; i < (count == 7 ? 90 : count); ++i)
        holders.push_back(any_client(input));
    Request request = reserve_request(command, holders);
    request.at(25) = any_or(input, request.at(25));
    return request;
}

void any_address(Request& request, Input& input) {
    request.shelf = static_cast<std::uint16_t>(input.number(2));
    request.slot = input.byte();
}

/// e1.0 to e1.3, a wildcard, or anything.
void address(Request& request, Input& input) {
    const std::uint8_t chosen = input.byte();
    request.to(1, chosen % 4);
    if (chosen >= 0xE0 && (chosen & 4) != 0)
        request.shelf = every_shelf;
    if (chosen >= 0xE0 && (chosen & 8) != 0)
        request.slot = every_slot;
    if (chosen == 0xDF)
        any_address(request, input);
}

/// What nobody sends who means well.
void spoil(Request& request, Input& input) {
    switch (input.byte()) {
    case 0xF0:
        request.version = input.byte() & 0x0F;
        break;
    case 0xF1:
        request.flags = input.byte() & 0x0F;
        break;
    case 0xF2:
        request.ethernet_type = static_cast<std::uint16_t>(input.number(2));
        break;
    case 0xF3:
        request.command = input.byte();
        break;
    case 0xF4:
        request.argument.resize(std::min<std::size_t>(request.argument.size(), input.byte()));
        break;
    case 0xF5:
        request.argument.resize(request.argument.size() - std::min<std::size_t>(request.argument.size(), 1));
        break;
    case 0xF6:
        request.argument.resize(request.argument.size() + 4 * input.below(256), 0xED);
        break;
    case 0xF7:
        request.source->octets[0] |= 1;
        break;
    case 0xF8:
        request.destination = broadcast_mac;
        break;
    default:
        break;
    }
}

} // namespace

Mac any_client(Input& input) {
    return numbered_mac(1 + static_cast<unsigned>(input.below(4)));
}

Request any_request(Input& input, std::uint32_t fresh_version) {
    const Mac source = any_client(input);
    Request where;
    address(where, input);
    Request request;
    switch (input.below(8)) {
    case 5:
        request = any_config(input);
        break;
    case 6:
        request = any_mask(input);
        break;
    case 7:
        request = any_reserve(input);
        break;
    default:
        request = any_ata(input, fresh_version);
    }
    request.to(where.shelf, where.slot).from(source);
    spoil(request, input);
    return request;
}

Request raw_request(Input& input) {
    Request request;
    request.destination.emplace();
    request.source.emplace();
    for (std::uint8_t& octet : request.source->octets)
        octet = input.byte();
    request.ethernet_type = any_or(input, 0) == 0 ? ethernet_type_aoe : 0x8100;
    const std::uint8_t version_and_flags = any_or(input, 0x10);
    request.version = version_and_flags >> 4;
    request.flags = version_and_flags & 0x0F;
    request.error = input.byte();
    any_address(request, input);
    request.command = input.byte();
    request.argument = input.take(4 * input.byte());
    return request;
}

} // namespace aoetest
