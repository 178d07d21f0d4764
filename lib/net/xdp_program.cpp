// Builds the program from BPF instructions, and loads and attaches it with its maps.
#include "net/xdp_program.hpp"

#include "net/lane_rules.hpp"
#include "net/refusal.hpp"
#include "protocol/aoe.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstring>
#include <iterator>
#include <thread>
#include <vector>

#include <arpa/inet.h>
#include <linux/bpf.h>
#include <linux/capability.h>
#include <linux/if_link.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace aoetarget::net {
namespace {

const auto page_bytes = static_cast<std::uint32_t>(sysconf(_SC_PAGESIZE));
// The packet socket serves exports beyond this number.
constexpr std::uint32_t max_destinations = 4096;
// Only some of the queues of a device have a socket; frames of the others pass to the kernel.
constexpr std::uint32_t max_queues = 64;
// The kernel gives up checking a program if the thread has to do something else meanwhile, for example to
// start a worker of io_uring.
constexpr int max_load_attempts = 20;
constexpr std::chrono::microseconds between_load_attempts{500};

/// Returns whether this thread has those that XDP needs. cap_sys_admin includes cap_bpf.
bool has_capabilities() {
    __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
    __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3]{};
    if (syscall(SYS_capget, &header, data) < 0)
        return false;
    const auto has = [&](unsigned capability) {
        return (data[capability / 32].effective & 1U << capability % 32) != 0;
    };
    return (has(CAP_BPF) || has(CAP_SYS_ADMIN)) && has(CAP_NET_ADMIN);
}

[[noreturn]] void fail(const char* what) {
    const int error = errno;
    if ((error == EPERM || error == ENOSYS) && has_capabilities())
        throw Refusal(EOPNOTSUPP,
                      "bpf is refused although the capabilities are there, as in containers with a "
                      "filter of system calls or a user namespace (the filter has to allow bpf)");
    if (error == EPERM || error == EACCES)
        throw Refusal(error, "XDP needs the capabilities cap_bpf and cap_net_admin");
    throw Refusal::unexplained(error, what);
}

/// Unset `attributes` must be zero, because the kernel refuses those that it does not know.
int bpf(bpf_cmd command, bpf_attr& attributes) {
    return static_cast<int>(syscall(__NR_bpf, command, &attributes, sizeof attributes));
}

bpf_attr no_attributes() {
    bpf_attr attributes;
    std::memset(&attributes, 0, sizeof attributes);
    return attributes;
}

ring::FileDescriptor create_map(bpf_map_type type, std::uint32_t key_bytes, std::uint32_t value_bytes,
                                std::uint32_t entries, std::uint32_t flags = 0) {
    bpf_attr attributes = no_attributes();
    attributes.map_type = type;
    attributes.map_flags = flags;
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

/// A destination in the form that the program builds on its stack: bytes of the frame, then the slot as a
/// number of 32 bits.
struct Key {
    std::array<std::uint8_t, 6> mac;
    std::uint16_t shelf; ///< In the byte order of the wire.
    std::uint32_t slot;
};
static_assert(sizeof(Key) == 12);

constexpr int redirected_at = offsetof(XdpUsage, redirected);
constexpr int alarm_is_set_at = offsetof(XdpUsage, alarm_is_set);
constexpr int key_at = -static_cast<int>(sizeof(Key)); // from the frame pointer

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
        set(argument_3, sizeof(Key)),
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

std::vector<bpf_insn> request_program(const XdpMaps& maps, bool stamped) {
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

ring::FileDescriptor load_program(const XdpMaps& maps, bool stamped) {
    const auto program = request_program(maps, stamped);
    bpf_attr attributes = no_attributes();
    attributes.prog_type = BPF_PROG_TYPE_XDP;
    attributes.expected_attach_type = BPF_XDP;
    attributes.insns = reinterpret_cast<std::uintptr_t>(program.data());
    attributes.insn_cnt = static_cast<std::uint32_t>(program.size());
    attributes.license = reinterpret_cast<std::uintptr_t>("MIT");
    // With this flag the interface may have an MTU that no single buffer holds; the program reads only the
    // headers.
    attributes.prog_flags = BPF_F_XDP_HAS_FRAGS;
    for (int attempt = 1;; ++attempt) {
        ring::FileDescriptor loaded(bpf(BPF_PROG_LOAD, attributes));
        if (loaded.valid())
            return loaded;
        if (errno != EAGAIN || attempt == max_load_attempts)
            fail("the kernel refuses the XDP program");
        std::this_thread::sleep_for(between_load_attempts);
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
    if (const auto refusal = attach_refusal(error, native))
        throw Refusal(*refusal);
    errno = error;
    fail("the driver refuses an XDP program");
}

} // namespace

XdpProgram::Usage::Usage()
    : values_map_(create_map(BPF_MAP_TYPE_ARRAY, sizeof(std::uint32_t), sizeof(XdpUsage), 1, BPF_F_MMAPABLE)),
      alarms_map_(create_map(BPF_MAP_TYPE_RINGBUF, 0, 0, page_bytes)) {
    const auto map = [](const ring::FileDescriptor& fd, int rights, off_t offset) {
        void* memory = mmap(nullptr, page_bytes, rights, MAP_SHARED, fd.get(), offset);
        if (memory == MAP_FAILED)
            fail("the kernel does not map a BPF map");
        return memory;
    };
    values_ = static_cast<XdpUsage*>(map(values_map_, PROT_READ | PROT_WRITE, 0));
    alarms_read_ = static_cast<std::uint64_t*>(map(alarms_map_, PROT_READ | PROT_WRITE, 0));
    alarms_written_ = static_cast<std::uint64_t*>(map(alarms_map_, PROT_READ, page_bytes));
}

XdpProgram::Usage::~Usage() {
    for (const volatile void* memory :
         {static_cast<const volatile void*>(values_), static_cast<const volatile void*>(alarms_read_),
          static_cast<const volatile void*>(alarms_written_)})
        munmap(const_cast<void*>(memory), page_bytes);
}

/// Earlier alarms are over.
int XdpProgram::Usage::alarm() {
    *alarms_read_ = *alarms_written_;
    std::atomic_thread_fence(std::memory_order_seq_cst);
    values_->alarm_is_set = 1;
    return alarms_map_.get();
}

XdpMaps XdpProgram::maps() const {
    return {sockets_.get(), destinations_.get(), usage_.values_map(), usage_.alarms_map()};
}

XdpProgram::XdpProgram()
    : sockets_(create_map(BPF_MAP_TYPE_XSKMAP, sizeof(std::uint32_t), sizeof(int), max_queues)),
      destinations_(create_map(BPF_MAP_TYPE_HASH, sizeof(Key), 1, max_destinations)) {}

void XdpProgram::check() {
    load_program(XdpProgram().maps(), false);
}

XdpProgram::XdpProgram(int interface_index, Mode mode, const Patience& patience) : XdpProgram() {
    link_ = attach(load_program(maps(), false), interface_index, mode, patience);
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
        program = load_program(maps(), true);
    } catch (const Refusal&) {
        return; // the present program continues
    }
    bpf_attr attributes = no_attributes();
    attributes.link_update.link_fd = static_cast<std::uint32_t>(link_.get());
    attributes.link_update.new_prog_fd = static_cast<std::uint32_t>(program.get());
    bpf(BPF_LINK_UPDATE, attributes); // fails if the interface is gone
}

void XdpProgram::detach() {
    bpf_attr attributes = no_attributes();
    attributes.link_detach.link_fd = static_cast<std::uint32_t>(link_.get());
    bpf(BPF_LINK_DETACH, attributes); // fails if the interface is gone, and the program with it
}

} // namespace aoetarget::net
