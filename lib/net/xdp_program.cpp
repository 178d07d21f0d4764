// Makes, checks and fills the maps, and attaches the program.
#include "net/xdp_program.hpp"

#include "net/bpf.hpp"
#include "net/lane_rules.hpp"
#include "net/refusal.hpp"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <utility>

#include <arpa/inet.h>
#include <linux/if_link.h>
#include <sys/mman.h>
#include <unistd.h>

namespace aoetarget::net {
namespace {

const auto page_bytes = static_cast<std::uint32_t>(sysconf(_SC_PAGESIZE));
// The packet socket serves exports beyond this number.
constexpr std::uint32_t max_destinations = 4096;
// Only some of the queues of a device have a socket; frames of the others pass to the kernel.
constexpr std::uint32_t max_queues = 64;

struct MapForm {
    bpf_map_type type;
    std::uint32_t key_bytes, value_bytes, entries;
    std::uint32_t flags = 0;
};
constexpr MapForm sockets_form{BPF_MAP_TYPE_XSKMAP, sizeof(std::uint32_t), sizeof(int), max_queues};
constexpr MapForm destinations_form{BPF_MAP_TYPE_HASH, sizeof(XdpKey), 1, max_destinations};
constexpr MapForm values_form{BPF_MAP_TYPE_ARRAY, sizeof(std::uint32_t), sizeof(XdpUsage), 1, BPF_F_MMAPABLE};
MapForm alarms_form() {
    return {BPF_MAP_TYPE_RINGBUF, 0, 0, page_bytes};
}

ring::FileDescriptor create_map(const MapForm& form) {
    return bpf::create_map(form.type, form.key_bytes, form.value_bytes, form.entries, form.flags);
}

[[noreturn]] void refuse_part(const char* what) {
    throw Refusal(EBADMSG, std::string(what) + " is not what this version of the library needs");
}

ring::FileDescriptor checked_map(ring::FileDescriptor map, const MapForm& form) {
    bpf_map_info info{};
    const bool fits = bpf::read_info(map.get(), &info, sizeof info) && info.type == form.type &&
                      info.key_size == form.key_bytes && info.value_size == form.value_bytes &&
                      info.max_entries == form.entries && info.map_flags == form.flags;
    if (!fits)
        refuse_part("a map of the XDP program that was handed over");
    return map;
}

ring::FileDescriptor checked_program(ring::FileDescriptor program) {
    bpf_prog_info info{};
    if (bpf::is_link(program.get()) || !bpf::read_info(program.get(), &info, sizeof info) ||
        info.type != BPF_PROG_TYPE_XDP || info.load_time == 0) // which a map of that number has not
        refuse_part("the XDP program that was handed over");
    return program;
}

ring::FileDescriptor checked_link(ring::FileDescriptor link) {
    bpf_link_info info{};
    if (!bpf::is_link(link.get()) || !bpf::read_info(link.get(), &info, sizeof info) ||
        info.type != BPF_LINK_TYPE_XDP)
        refuse_part("the link of the XDP program that was handed over");
    return link;
}

ring::FileDescriptor attach(const ring::FileDescriptor& program, int interface_index, XdpProgram::Mode mode,
                            const Patience& patience) {
    const bool native = mode == XdpProgram::Mode::native;
    int error = 0;
    do {
        ring::FileDescriptor link =
            bpf::attach_xdp(program.get(), interface_index, native ? XDP_FLAGS_DRV_MODE : XDP_FLAGS_SKB_MODE);
        if (link.valid())
            return link;
        error = errno;
    } while ((error == EBUSY || error == EEXIST) && patience.wait());
    if (const auto refusal = attach_refusal(error, native))
        throw Refusal(*refusal);
    errno = error;
    bpf::fail("the driver refuses an XDP program");
}

} // namespace

XdpProgram::Page::Page(const ring::FileDescriptor& map, int rights, std::uint32_t number)
    : memory_(mmap(nullptr, page_bytes, rights, MAP_SHARED, map.get(), off_t{number} * page_bytes)) {
    if (memory_ == MAP_FAILED)
        throw Refusal::unexplained(errno, "the kernel does not map a BPF map");
}

XdpProgram::Page::~Page() {
    munmap(memory_, page_bytes);
}

XdpProgram::Usage::Usage(ring::FileDescriptor values_map, ring::FileDescriptor alarms_map)
    : values_map_(std::move(values_map)), alarms_map_(std::move(alarms_map)),
      values_(values_map_, PROT_READ | PROT_WRITE, 0), alarms_read_(alarms_map_, PROT_READ | PROT_WRITE, 0),
      alarms_written_(alarms_map_, PROT_READ, 1) {}

/// Earlier alarms are over.
int XdpProgram::Usage::alarm() {
    *alarms_read_.as<std::uint64_t>() = *alarms_written_.as<std::uint64_t>();
    std::atomic_thread_fence(std::memory_order_seq_cst);
    values_.as<XdpUsage>()->alarm_is_set = 1;
    return alarms_map_.get();
}

XdpMaps XdpProgram::maps() const {
    return {sockets_.get(), destinations_.get(), usage_.values_map(), usage_.alarms_map()};
}

XdpProgram::XdpProgram()
    : sockets_(create_map(sockets_form)), destinations_(create_map(destinations_form)),
      usage_(create_map(values_form), create_map(alarms_form())) {}

void XdpProgram::check() {
    bpf::load_xdp(xdp_instructions(XdpProgram().maps(), false));
}

/// Both programs are loaded at once, because a process may give up the right to do so after its set-up.
XdpProgram::XdpProgram(int interface_index, Mode mode, const Patience& patience) : XdpProgram() {
    mode_ = mode;
    stamping_ = bpf::load_xdp(xdp_instructions(maps(), true));
    link_ = attach(bpf::load_xdp(xdp_instructions(maps(), false)), interface_index, mode, patience);
}

XdpProgram::XdpProgram(std::array<ring::FileDescriptor, descriptor_count> descriptors, Mode mode)
    : sockets_(checked_map(std::move(descriptors[2]), sockets_form)),
      destinations_(checked_map(std::move(descriptors[3]), destinations_form)),
      usage_(checked_map(std::move(descriptors[4]), values_form),
             checked_map(std::move(descriptors[5]), alarms_form())),
      stamping_(checked_program(std::move(descriptors[1]))), link_(checked_link(std::move(descriptors[0]))),
      mode_(mode) {}

std::array<int, XdpProgram::descriptor_count> XdpProgram::descriptors() const {
    const XdpMaps all = maps();
    return {link_.get(), stamping_.get(), all.sockets, all.destinations, all.values, all.alarms};
}

bool XdpProgram::is_attached_to(int interface_index) const {
    bpf_link_info info{};
    return bpf::read_info(link_.get(), &info, sizeof info) &&
           info.xdp.ifindex == static_cast<std::uint32_t>(interface_index);
}

void XdpProgram::set_destinations(const MacAddress& mac, std::span<const Address> addresses) {
    std::set<Destination> wanted;
    for (const Address& address : addresses.first(std::min<std::size_t>(addresses.size(), max_destinations)))
        wanted.insert({mac, address});
    const auto key_of = [](const Destination& destination) {
        return XdpKey{destination.mac.bytes, htons(destination.address.shelf), destination.address.slot};
    };
    for (const Destination& destination : known_) {
        const XdpKey key = key_of(destination);
        if (!wanted.contains(destination))
            bpf::remove_element(destinations_.get(), &key);
    }
    for (const Destination& destination : wanted) {
        const XdpKey key = key_of(destination);
        const std::uint8_t present = 1;
        if (!known_.contains(destination))
            bpf::set_element(destinations_.get(), &key, &present);
    }
    known_ = std::move(wanted);
}

void XdpProgram::set_socket(std::uint32_t queue, int fd) {
    bpf::set_element(sockets_.get(), &queue, &fd);
}

/// Stamps stay on, because switching takes milliseconds.
void XdpProgram::stamp() {
    if (!std::exchange(stamps_, true))
        bpf::update_link(link_.get(), stamping_.get());
}

void XdpProgram::detach() {
    bpf::detach_link(link_.get());
}

} // namespace aoetarget::net
