// The program as instructions of BPF, its maps, and how it is loaded and attached.
#include "net/xdp_program.hpp"

#include "net/refusal.hpp"
#include "protocol/aoe.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <iterator>
#include <vector>

#include <arpa/inet.h>
#include <linux/bpf.h>
#include <linux/if_link.h>
#include <sys/syscall.h>

namespace aoetarget::net {
namespace {

// Exports beyond these are served all the same, by the packet socket.
constexpr std::uint32_t max_destinations = 4096;
// Only some of the queues of a device have a socket; one that has none passes.
constexpr std::uint32_t max_queues = 64;
// The kernel gives up a program that it has not checked through when the thread is to do something else, as
// to start a worker of io_uring.
constexpr int max_load_attempts = 10;

[[noreturn]] void fail(const char* what) {
    const int error = errno;
    if (error == EPERM || error == EACCES)
        throw Refusal(error, "XDP needs the capabilities cap_bpf and cap_net_admin");
    throw Refusal::unexplained(error, what);
}

/// `attributes` are zero where not set: the kernel refuses what it does not know.
int bpf(bpf_cmd command, bpf_attr& attributes) {
    return static_cast<int>(syscall(__NR_bpf, command, &attributes, sizeof attributes));
}

bpf_attr no_attributes() {
    bpf_attr attributes;
    std::memset(&attributes, 0, sizeof attributes);
    return attributes;
}

ring::FileDescriptor create_map(bpf_map_type type, std::uint32_t key_bytes, std::uint32_t value_bytes,
                                std::uint32_t entries) {
    bpf_attr attributes = no_attributes();
    attributes.map_type = type;
    attributes.key_size = key_bytes;
    attributes.value_size = value_bytes;
    attributes.max_entries = entries;
    ring::FileDescriptor map(bpf(BPF_MAP_CREATE, attributes));
    if (!map.valid())
        fail("the kernel refuses a BPF map");
    return map;
}

void set_element(const ring::FileDescriptor& map, const void* key, const void* value) {
    bpf_attr attributes = no_attributes();
    attributes.map_fd = static_cast<std::uint32_t>(map.get());
    attributes.key = reinterpret_cast<std::uintptr_t>(key);
    attributes.value = reinterpret_cast<std::uintptr_t>(value);
    if (bpf(BPF_MAP_UPDATE_ELEM, attributes) < 0)
        fail("the kernel refuses an entry of a BPF map");
}

void remove_element(const ring::FileDescriptor& map, const void* key) {
    bpf_attr attributes = no_attributes();
    attributes.map_fd = static_cast<std::uint32_t>(map.get());
    attributes.key = reinterpret_cast<std::uintptr_t>(key);
    bpf(BPF_MAP_DELETE_ELEM, attributes);
}

// --- The program ---------------------------------------------------------------------------------

/// A destination as the program puts it together on its stack: bytes of the frame as they are, then the slot
/// as a number of 32 bits.
struct Key {
    std::array<std::uint8_t, 6> mac;
    std::uint16_t shelf; ///< As on the wire.
    std::uint32_t slot;
};
static_assert(sizeof(Key) == 12);

constexpr int key_at = -static_cast<int>(sizeof(Key)); // from the frame pointer

enum Register : std::uint8_t {
    result = BPF_REG_0,
    argument_1 = BPF_REG_1,
    argument_2 = BPF_REG_2,
    argument_3 = BPF_REG_3,
    frame = BPF_REG_2, // overwritten by the first call, when it is not needed any more
    end = BPF_REG_3,
    scratch = BPF_REG_4,
    context = BPF_REG_6,
    time = BPF_REG_7,
    stack = BPF_REG_10,
};

constexpr std::int16_t to_pass = 0x7FFF; // jumps that are filled in at the end
constexpr std::int16_t to_redirect = 0x7FFE;

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

/// Puts the time before the frame, where the driver has room for it (as metadata, in the kernel's words).
std::vector<bpf_insn> stamp_part() {
    constexpr std::int32_t bytes = XdpProgram::stamp_bytes;
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

std::vector<bpf_insn> request_program(int sockets, int destinations, bool stamped) {
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
        instruction(BPF_LD | BPF_DW | BPF_IMM, argument_1, BPF_PSEUDO_MAP_FD, 0, destinations),
        bpf_insn{}, // the second half of the one before
        move(argument_2, stack),
        add(argument_2, key_at),
        call(BPF_FUNC_map_lookup_elem),
        pass_if(BPF_JEQ, result, 0),
    };
    if (stamped)
        std::ranges::copy(stamp_part(), std::back_inserter(program));
    const std::size_t redirect = program.size();
    const auto end_part = {
        load(BPF_W, argument_2, context, offsetof(xdp_md, rx_queue_index)),
        instruction(BPF_LD | BPF_DW | BPF_IMM, argument_1, BPF_PSEUDO_MAP_FD, 0, sockets),
        bpf_insn{},
        set(argument_3, XDP_PASS), // where the queue has no socket
        call(BPF_FUNC_redirect_map),
        instruction(BPF_JMP | BPF_EXIT, 0, 0, 0, 0),
        set(result, XDP_PASS),
        instruction(BPF_JMP | BPF_EXIT, 0, 0, 0, 0),
    };
    std::ranges::copy(end_part, std::back_inserter(program));
    const std::size_t pass = program.size() - 2;
    for (std::size_t i = 0; i < pass; ++i) {
        if (program[i].off == to_pass)
            program[i].off = static_cast<std::int16_t>(pass - i - 1);
        else if (program[i].off == to_redirect)
            program[i].off = static_cast<std::int16_t>(redirect - i - 1);
    }
    return program;
}

ring::FileDescriptor load_program(int sockets, int destinations, bool stamped) {
    const auto program = request_program(sockets, destinations, stamped);
    bpf_attr attributes = no_attributes();
    attributes.prog_type = BPF_PROG_TYPE_XDP;
    attributes.expected_attach_type = BPF_XDP;
    attributes.insns = reinterpret_cast<std::uintptr_t>(program.data());
    attributes.insn_cnt = static_cast<std::uint32_t>(program.size());
    attributes.license = reinterpret_cast<std::uintptr_t>("MIT");
    // With it the interface may have an MTU that no single buffer holds; only the headers are looked at here.
    attributes.prog_flags = BPF_F_XDP_HAS_FRAGS;
    for (int attempt = 1;; ++attempt) {
        ring::FileDescriptor loaded(bpf(BPF_PROG_LOAD, attributes));
        if (loaded.valid())
            return loaded;
        if (errno != EAGAIN || attempt == max_load_attempts)
            fail("the kernel refuses the XDP program");
    }
}

ring::FileDescriptor attach(const ring::FileDescriptor& program, int interface_index, XdpProgram::Mode mode,
                            const Patience& patience) {
    const bool native = mode == XdpProgram::Mode::native;
    bpf_attr attributes = no_attributes();
    attributes.link_create.prog_fd = static_cast<std::uint32_t>(program.get());
    attributes.link_create.target_ifindex = static_cast<std::uint32_t>(interface_index);
    attributes.link_create.attach_type = BPF_XDP;
    attributes.link_create.flags = native ? XDP_FLAGS_DRV_MODE : XDP_FLAGS_SKB_MODE;
    int error = 0;
    do {
        ring::FileDescriptor link(bpf(BPF_LINK_CREATE, attributes));
        if (link.valid())
            return link;
        error = errno;
    } while ((error == EBUSY || error == EEXIST) && patience.wait());
    switch (error) {
    case EBUSY:
    case EEXIST: // in the other mode
        throw Refusal(error, "another XDP program is attached to the interface ('ip link' shows it)");
    case EOPNOTSUPP:
        throw Refusal(error, native ? "the driver has no native XDP" : "the interface takes no XDP program");
    case ERANGE:
        throw Refusal(error, "the driver takes no XDP program at this MTU");
    default:
        errno = error;
        fail("the driver refuses an XDP program");
    }
}

} // namespace

XdpProgram::XdpProgram(int interface_index, Mode mode, const Patience& patience)
    : sockets_(create_map(BPF_MAP_TYPE_XSKMAP, sizeof(std::uint32_t), sizeof(int), max_queues)),
      destinations_(create_map(BPF_MAP_TYPE_HASH, sizeof(Key), 1, max_destinations)) {
    link_ = attach(load_program(sockets_.get(), destinations_.get(), false), interface_index, mode, patience);
}

void XdpProgram::set_destinations(const MacAddress& mac, std::span<const Address> addresses) {
    std::set<Destination> wanted;
    for (const Address& address : addresses.first(std::min<std::size_t>(addresses.size(), max_destinations)))
        wanted.insert({mac, address});
    const auto key_of = [](const Destination& destination) {
        return Key{destination.mac.bytes, htons(destination.address.shelf), destination.address.slot};
    };
    for (const Destination& destination : known_) {
        const Key key = key_of(destination);
        if (!wanted.contains(destination))
            remove_element(destinations_, &key);
    }
    for (const Destination& destination : wanted) {
        const Key key = key_of(destination);
        const std::uint8_t present = 1;
        if (!known_.contains(destination))
            set_element(destinations_, &key, &present);
    }
    known_ = std::move(wanted);
}

void XdpProgram::set_socket(std::uint32_t queue, int fd) {
    set_element(sockets_, &queue, &fd);
}

void XdpProgram::stamp() {
    ring::FileDescriptor program;
    try {
        program = load_program(sockets_.get(), destinations_.get(), true);
    } catch (const Refusal&) {
        return; // what is there goes on
    }
    bpf_attr attributes = no_attributes();
    attributes.link_update.link_fd = static_cast<std::uint32_t>(link_.get());
    attributes.link_update.new_prog_fd = static_cast<std::uint32_t>(program.get());
    bpf(BPF_LINK_UPDATE, attributes); // fails where the interface is gone
}

void XdpProgram::detach() {
    bpf_attr attributes = no_attributes();
    attributes.link_detach.link_fd = static_cast<std::uint32_t>(link_.get());
    bpf(BPF_LINK_DETACH, attributes); // fails where the interface is gone, which did it already
}

} // namespace aoetarget::net
