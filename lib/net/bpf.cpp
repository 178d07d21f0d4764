// Fills the attributes of each call.
#include "net/bpf.hpp"

#include "net/refusal.hpp"

#include <cerrno>
#include <chrono>
#include <cstring>
#include <thread>

#include <linux/capability.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace aoetarget::net::bpf {
namespace {

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

/// Unset `attributes` must be zero, because the kernel refuses those that it does not know.
int call(bpf_cmd command, bpf_attr& attributes) {
    return static_cast<int>(syscall(__NR_bpf, command, &attributes, sizeof attributes));
}

bpf_attr no_attributes() {
    bpf_attr attributes;
    std::memset(&attributes, 0, sizeof attributes);
    return attributes;
}

} // namespace

void fail(const char* what) {
    const int error = errno;
    if ((error == EPERM || error == ENOSYS) && has_capabilities())
        throw Refusal(EOPNOTSUPP,
                      "bpf is refused although the capabilities are there, as in containers with a "
                      "filter of system calls or a user namespace (the filter has to allow bpf)");
    if (error == EPERM || error == EACCES)
        throw Refusal(error, "XDP needs the capabilities cap_bpf and cap_net_admin");
    throw Refusal::unexplained(error, what);
}

ring::FileDescriptor create_map(bpf_map_type type, std::uint32_t key_bytes, std::uint32_t value_bytes,
                                std::uint32_t entries, std::uint32_t flags) {
    bpf_attr attributes = no_attributes();
    attributes.map_type = type;
    attributes.map_flags = flags;
    attributes.key_size = key_bytes;
    attributes.value_size = value_bytes;
    attributes.max_entries = entries;
    ring::FileDescriptor map(call(BPF_MAP_CREATE, attributes));
    if (!map.valid())
        fail("the kernel refuses a BPF map");
    return map;
}

void set_element(int map, const void* key, const void* value) {
    bpf_attr attributes = no_attributes();
    attributes.map_fd = static_cast<std::uint32_t>(map);
    attributes.key = reinterpret_cast<std::uintptr_t>(key);
    attributes.value = reinterpret_cast<std::uintptr_t>(value);
    if (call(BPF_MAP_UPDATE_ELEM, attributes) < 0)
        fail("the kernel refuses an entry of a BPF map");
}

void remove_element(int map, const void* key) {
    bpf_attr attributes = no_attributes();
    attributes.map_fd = static_cast<std::uint32_t>(map);
    attributes.key = reinterpret_cast<std::uintptr_t>(key);
    call(BPF_MAP_DELETE_ELEM, attributes);
}

ring::FileDescriptor load_xdp(std::span<const bpf_insn> program) {
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
        ring::FileDescriptor loaded(call(BPF_PROG_LOAD, attributes));
        if (loaded.valid())
            return loaded;
        if (errno != EAGAIN || attempt == max_load_attempts)
            fail("the kernel refuses the XDP program");
        std::this_thread::sleep_for(between_load_attempts);
    }
}

ring::FileDescriptor attach_xdp(int program, int interface_index, std::uint32_t mode_flags) {
    bpf_attr attributes = no_attributes();
    attributes.link_create.prog_fd = static_cast<std::uint32_t>(program);
    attributes.link_create.target_ifindex = static_cast<std::uint32_t>(interface_index);
    attributes.link_create.attach_type = BPF_XDP;
    attributes.link_create.flags = mode_flags;
    return ring::FileDescriptor(call(BPF_LINK_CREATE, attributes));
}

bool update_link(int link, int program) {
    bpf_attr attributes = no_attributes();
    attributes.link_update.link_fd = static_cast<std::uint32_t>(link);
    attributes.link_update.new_prog_fd = static_cast<std::uint32_t>(program);
    return call(BPF_LINK_UPDATE, attributes) == 0;
}

/// The kernel looks at the link first, and then finds no program.
bool is_link(int fd) {
    return !update_link(fd, -1) && errno == EBADF && fd >= 0;
}

void detach_link(int link) {
    bpf_attr attributes = no_attributes();
    attributes.link_detach.link_fd = static_cast<std::uint32_t>(link);
    call(BPF_LINK_DETACH, attributes);
}

bool read_info(int fd, void* info, std::uint32_t bytes) {
    bpf_attr attributes = no_attributes();
    attributes.info.bpf_fd = static_cast<std::uint32_t>(fd);
    attributes.info.info_len = bytes;
    attributes.info.info = reinterpret_cast<std::uintptr_t>(info);
    return call(BPF_OBJ_GET_INFO_BY_FD, attributes) == 0;
}

} // namespace aoetarget::net::bpf
