// Builds the program from BPF instructions.
#include "net/xdp_instructions.hpp"

#include "protocol/aoe.hpp"

#include <algorithm>
#include <cstddef>
#include <iterator>

#include <arpa/inet.h>

namespace aoetarget::net {
namespace {

constexpr int redirected_at = offsetof(XdpUsage, redirected);
constexpr int alarm_is_set_at = offsetof(XdpUsage, alarm_is_set);
constexpr int key_at = -static_cast<int>(sizeof(XdpKey)); // from the frame pointer

enum Register : std::uint8_t {
    result = BPF_REG_0,
    argument_1 = BPF_REG_1,
    argument_2 = BPF_REG_2,
    argument_3 = BPF_REG_3,
    argument_4 = BPF_REG_4,
    frame = BPF_REG_2, // the first call overwrites it, when it is not needed any more
    end = BPF_REG_3,
    scratch = BPF_REG_4,
    context = BPF_REG_6,
    time = BPF_REG_7,
    stack = BPF_REG_10,
};

constexpr std::int16_t to_pass = 0x7FFF; // marks jumps whose target is set at the end
constexpr std::int16_t to_redirect = 0x7FFE;
constexpr std::int16_t to_end = 0x7FFD;

bpf_insn instruction(int code, int destination, int source, int offset, std::int32_t immediate) {
    bpf_insn made{};
    made.code = static_cast<std::uint8_t>(code);
    made.dst_reg = static_cast<std::uint8_t>(destination) & 0xF;
    made.src_reg = static_cast<std::uint8_t>(source) & 0xF;
    made.off = static_cast<std::int16_t>(offset);
    made.imm = immediate;
    return made;
}
bpf_insn load(int size, int destination, int source, int offset) {
    return instruction(BPF_LDX | BPF_MEM | size, destination, source, offset, 0);
}
bpf_insn store(int size, int offset, int source) {
    return instruction(BPF_STX | BPF_MEM | size, stack, source, offset, 0);
}
bpf_insn move(int destination, int source) {
    return instruction(BPF_ALU64 | BPF_MOV | BPF_X, destination, source, 0, 0);
}
bpf_insn set(int destination, std::int32_t value) {
    return instruction(BPF_ALU64 | BPF_MOV | BPF_K, destination, 0, 0, value);
}
bpf_insn add(int destination, std::int32_t value) {
    return instruction(BPF_ALU64 | BPF_ADD | BPF_K, destination, 0, 0, value);
}
bpf_insn pass_if(int condition, int left, std::int32_t value) {
    return instruction(BPF_JMP | condition | BPF_K, left, 0, to_pass, value);
}
bpf_insn call(std::int32_t function) {
    return instruction(BPF_JMP | BPF_CALL, 0, 0, 0, function);
}

/// Writes the time before the frame, if the driver has room for it there (the kernel calls that metadata).
std::vector<bpf_insn> stamp_part() {
    constexpr std::int32_t bytes = xdp_stamp_bytes;
    return {
        move(argument_1, context),
        set(argument_2, -bytes),
        call(BPF_FUNC_xdp_adjust_meta),
        instruction(BPF_JMP | BPF_JNE | BPF_K, result, 0, to_redirect, 0),
        call(BPF_FUNC_ktime_get_ns),
        move(time, result),
        load(BPF_W, argument_1, context, offsetof(xdp_md, data_meta)),
        load(BPF_W, argument_2, context, offsetof(xdp_md, data)),
        move(argument_3, argument_1),
        add(argument_3, bytes),
        instruction(BPF_JMP | BPF_JGT | BPF_X, argument_3, argument_2, to_redirect, 0),
        instruction(BPF_STX | BPF_MEM | BPF_DW, argument_1, time, 0, 0),
    };
}

/// Hands the frame to the socket of its queue, and counts it. Two frames at once may count as one, which does
/// no harm and takes no locked memory.
std::vector<bpf_insn> redirect_part(const XdpMaps& maps) {
    std::vector<bpf_insn> part = {
        load(BPF_W, argument_2, context, offsetof(xdp_md, rx_queue_index)),
        instruction(BPF_LD | BPF_DW | BPF_IMM, argument_1, BPF_PSEUDO_MAP_FD, 0, maps.sockets),
        bpf_insn{},                // the second half of the one before
        set(argument_3, XDP_PASS), // if the queue has no socket
        call(BPF_FUNC_redirect_map),
        instruction(BPF_JMP | BPF_JNE | BPF_K, result, 0, to_end, XDP_REDIRECT),
        instruction(BPF_LD | BPF_DW | BPF_IMM, argument_1, BPF_PSEUDO_MAP_VALUE, 0, maps.values),
        bpf_insn{},
        load(BPF_DW, argument_2, argument_1, redirected_at),
        add(argument_2, 1),
        instruction(BPF_STX | BPF_MEM | BPF_DW, argument_1, argument_2, redirected_at, 0),
        load(BPF_DW, argument_2, argument_1, alarm_is_set_at),
        instruction(BPF_JMP | BPF_JEQ | BPF_K, argument_2, 0, to_end, 0),
        instruction(BPF_ST | BPF_MEM | BPF_DW, argument_1, 0, alarm_is_set_at, 0),
        instruction(BPF_LD | BPF_DW | BPF_IMM, argument_1, BPF_PSEUDO_MAP_FD, 0, maps.alarms),
        bpf_insn{},
        move(argument_2, stack), // some bytes: what they are does not matter
        add(argument_2, key_at),
        set(argument_3, sizeof(XdpKey)),
        set(argument_4, BPF_RB_FORCE_WAKEUP),
        call(BPF_FUNC_ringbuf_output),
        set(result, XDP_REDIRECT),
    };
    const std::size_t end = part.size();
    part.push_back(instruction(BPF_JMP | BPF_EXIT, 0, 0, 0, 0));
    for (std::size_t i = 0; i < end; ++i) {
        if (part[i].off == to_end)
            part[i].off = static_cast<std::int16_t>(end - i - 1);
    }
    return part;
}

} // namespace

std::vector<bpf_insn> xdp_instructions(const XdpMaps& maps, bool stamped) {
    std::vector<bpf_insn> program = {
        move(context, argument_1),
        load(BPF_W, frame, context, offsetof(xdp_md, data)),
        load(BPF_W, end, context, offsetof(xdp_md, data_end)),
        move(scratch, frame), // too short for the AoE header
        add(scratch, protocol::aoe_header_bytes),
        instruction(BPF_JMP | BPF_JGT | BPF_X, scratch, end, to_pass, 0),
        load(BPF_H, scratch, frame, protocol::ethertype_at), // something else, or tagged for a VLAN
        pass_if(BPF_JNE, scratch, htons(protocol::ethertype_aoe)),
        load(BPF_B, scratch, frame, protocol::version_at), // an answer
        pass_if(BPF_JSET, scratch, protocol::flag_response),
        load(BPF_W, scratch, frame, protocol::destination_at),
        store(BPF_W, key_at + 0, scratch),
        load(BPF_H, scratch, frame, protocol::destination_at + 4),
        store(BPF_H, key_at + 4, scratch),
        load(BPF_H, scratch, frame, protocol::shelf_at),
        store(BPF_H, key_at + 6, scratch),
        load(BPF_B, scratch, frame, protocol::slot_at),
        store(BPF_W, key_at + 8, scratch),
        instruction(BPF_LD | BPF_DW | BPF_IMM, argument_1, BPF_PSEUDO_MAP_FD, 0, maps.destinations),
        bpf_insn{}, // the second half of the one before
        move(argument_2, stack),
        add(argument_2, key_at),
        call(BPF_FUNC_map_lookup_elem),
        pass_if(BPF_JEQ, result, 0),
    };
    if (stamped)
        std::ranges::copy(stamp_part(), std::back_inserter(program));
    const std::size_t redirect = program.size();
    std::ranges::copy(redirect_part(maps), std::back_inserter(program));
    const std::size_t pass = program.size();
    program.push_back(set(result, XDP_PASS));
    program.push_back(instruction(BPF_JMP | BPF_EXIT, 0, 0, 0, 0));
    for (std::size_t i = 0; i < pass; ++i) {
        if (program[i].off == to_pass)
            program[i].off = static_cast<std::int16_t>(pass - i - 1);
        else if (program[i].off == to_redirect)
            program[i].off = static_cast<std::int16_t>(redirect - i - 1);
    }
    return program;
}

} // namespace aoetarget::net
