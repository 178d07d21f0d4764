// Builds the filter as a program of classic BPF.
#include "net/address_filter.hpp"

#include "protocol/aoe.hpp"

#include <algorithm>
#include <cstdint>

#include <linux/if_packet.h>

namespace aoetarget::net {
namespace {

constexpr std::uint32_t drop = 0, keep = 0x7FFFFFFF;
// A filter may have 4096 instructions, and each range takes up to six.
constexpr std::size_t max_ranges = 600;

/// Returns shelf and slot as one number, in their order in a frame.
constexpr std::uint32_t key_of(std::uint32_t shelf, std::uint32_t slot) {
    return shelf << 8 | slot;
}

struct Range {
    std::uint32_t first, last;
};

std::vector<Range> join(std::vector<Range> ranges) {
    std::ranges::sort(ranges, {}, &Range::first);
    std::vector<Range> joined;
    for (const Range& range : ranges) {
        if (!joined.empty() && range.first <= joined.back().last + 1)
            joined.back().last = std::max(joined.back().last, range.last);
        else
            joined.push_back(range);
    }
    return joined;
}

/// Returns the ranges in ascending order.
std::vector<Range> ranges_of(std::span<const Address> addresses, FilterDetail detail) {
    const Range any_shelf{key_of(protocol::any_shelf, 0), key_of(protocol::any_shelf, 0xFF)};
    std::vector<Range> exact{any_shelf}, shelves{any_shelf};
    for (const Address& address : addresses) {
        const std::uint32_t key = key_of(address.shelf, address.slot);
        const std::uint32_t any_slot = key_of(address.shelf, protocol::any_slot);
        exact.insert(exact.end(), {{key, key}, {any_slot, any_slot}});
        shelves.push_back({key_of(address.shelf, 0), any_slot});
    }
    const auto is_short = [](const std::vector<Range>& ranges) { return ranges.size() <= max_ranges; };
    exact = join(std::move(exact));
    if (detail == FilterDetail::exports && is_short(exact))
        return exact;
    shelves = join(std::move(shelves));
    if (detail != FilterDetail::all_requests && is_short(shelves))
        return shelves;
    return {{0, any_shelf.last}};
}

/// Looks the accumulator up among the ranges.
std::vector<sock_filter> search(std::span<const Range> ranges) {
    if (ranges.size() == 1)
        return {
            BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, ranges[0].first, 0, 2),
            BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, ranges[0].last, 1, 0),
            BPF_STMT(BPF_RET | BPF_K, keep),
            BPF_STMT(BPF_RET | BPF_K, drop),
        };
    const std::size_t middle = ranges.size() / 2;
    const auto below = search(ranges.first(middle));
    const auto above = search(ranges.subspan(middle));
    std::vector<sock_filter> program = {
        BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, ranges[middle].first, 0, 1),
        BPF_STMT(BPF_JMP | BPF_JA, static_cast<std::uint32_t>(below.size())),
    };
    program.insert(program.end(), below.begin(), below.end());
    program.insert(program.end(), above.begin(), above.end());
    return program;
}

} // namespace

std::vector<sock_filter> make_address_filter(std::span<const Address> addresses, FilterDetail detail,
                                             bool answers) {
    const auto extension = [](int offset) { return static_cast<std::uint32_t>(SKF_AD_OFF + offset); };
    constexpr std::uint8_t to_drop = 3, to_addresses = 4; // from where answers are told apart
    // A load beyond the end of the frame drops it, as runts should be.
    std::vector<sock_filter> program = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, extension(SKF_AD_PKTTYPE)), // meant for another host
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, PACKET_OTHERHOST, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, drop),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
                 extension(SKF_AD_VLAN_TAG_PRESENT)), // meant for a VLAN that is not ours
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 1, 0),
        BPF_STMT(BPF_RET | BPF_K, drop),
        BPF_STMT(BPF_LD | BPF_B | BPF_ABS,
                 protocol::version_at), // an answer: that of another target, or our own on lo
        BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, protocol::flag_response, answers ? to_addresses : to_drop, 0),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, protocol::destination_at), // a broadcast, whatever it asks for
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0xFFFFFFFF, 0, 2),
        BPF_STMT(BPF_RET | BPF_K, keep),
        BPF_STMT(BPF_RET | BPF_K, drop),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, protocol::shelf_at), // shelf, slot, command
        BPF_STMT(BPF_ALU | BPF_RSH | BPF_K, 8),
    };
    const auto found = search(ranges_of(addresses, detail));
    program.insert(program.end(), found.begin(), found.end());
    return program;
}

} // namespace aoetarget::net
