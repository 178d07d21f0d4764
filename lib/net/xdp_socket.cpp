// Sets up the socket and its rings, and passes chunks through them.
#include "net/xdp_socket.hpp"

#include "net/refusal.hpp"

#include <fmt/format.h>

#include <cerrno>

#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>

#ifndef XDP_USE_SG // since Linux 6.6
#define XDP_USE_SG (1 << 4)
#endif
#ifndef XDP_MAX_TX_SKB_BUDGET // since Linux 6.17
#define XDP_MAX_TX_SKB_BUDGET 9
#endif

namespace aoetarget::net {
namespace {

// The bytes that the kernel keeps free before every frame (XDP_PACKET_HEADROOM).
constexpr std::uint32_t kernel_headroom = 256;
// If the kernel copies frames, it charges this buffer for those that are being sent at once.
constexpr int send_buffer_bytes = 8 << 20;

// The number of frames that the kernel sends in one call, unless an option (since Linux 6.17) says otherwise.
constexpr std::uint32_t default_frames_per_call = 32;

[[noreturn]] void fail(const char* what) {
    const int error = errno;
    if (error == EPERM || error == EACCES)
        throw Refusal(error, "XDP needs the capability cap_net_raw");
    throw Refusal::unexplained(error, what);
}

template <typename T>
bool set_option(int fd, int option, const T& value) {
    return setsockopt(fd, SOL_XDP, option, &value, sizeof value) == 0;
}

void register_memory(int fd, const XdpSocket::Options& options) {
    xdp_umem_reg registration{};
    registration.addr = reinterpret_cast<std::uintptr_t>(options.memory.data());
    registration.len = options.memory.size();
    registration.chunk_size = options.chunk_bytes;
    registration.headroom = options.frame_offset - kernel_headroom;
    if (set_option(fd, XDP_UMEM_REG, registration))
        return;
    if (errno == ENOBUFS) {
        rlimit locked{};
        getrlimit(RLIMIT_MEMLOCK, &locked);
        throw Refusal(ENOBUFS,
                      fmt::format("XDP needs {} KiB of locked memory, and the limit is {} KiB ('ulimit "
                                  "-l' raises it)",
                                  options.memory.size() >> 10, locked.rlim_cur >> 10));
    }
    fail("the kernel refuses the memory of frames for XDP");
}

ring::FileDescriptor open_socket() {
    ring::FileDescriptor opened(socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0));
    if (!opened.valid() && errno == EAFNOSUPPORT)
        throw Refusal(errno, "this kernel has no AF_XDP");
    if (!opened.valid())
        fail("cannot open an AF_XDP socket");
    return opened;
}

sockaddr_xdp address_of(const XdpSocket::Options& options) {
    sockaddr_xdp address{};
    address.sxdp_family = AF_XDP;
    address.sxdp_ifindex = static_cast<std::uint32_t>(options.interface_index);
    address.sxdp_queue_id = options.queue;
    return address;
}

bool bind_to(int fd, const sockaddr_xdp& address) {
    return bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
}

void bind_receiver(int fd, const XdpSocket::Options& options, const Patience& patience) {
    sockaddr_xdp address = address_of(options);
    address.sxdp_flags = XDP_USE_NEED_WAKEUP;
    if (options.copy)
        address.sxdp_flags |= XDP_COPY;
    if (options.in_parts)
        address.sxdp_flags |= XDP_USE_SG;
    do {
        if (bind_to(fd, address))
            return;
        if (errno != EBUSY)
            fail("cannot bind an AF_XDP socket");
    } while (patience.wait());
    throw Refusal(EBUSY, "another AF_XDP socket has the receive queue");
}

/// It has the mode and the region of the receiver.
void bind_sender(int fd, int receiver, const XdpSocket::Options& options) {
    sockaddr_xdp address = address_of(options);
    address.sxdp_flags = XDP_SHARED_UMEM;
    address.sxdp_shared_umem_fd = static_cast<std::uint32_t>(receiver);
    if (!bind_to(fd, address))
        fail("cannot bind an AF_XDP socket for sending");
}

} // namespace

template <typename Entry>
XdpRing<Entry>::XdpRing(int fd, const xdp_ring_offset& offsets, std::uint64_t place, std::uint32_t entries)
    : bytes_(offsets.desc + entries * sizeof(Entry)), mask_(entries - 1) {
    void* memory = mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd,
                        static_cast<off_t>(place));
    if (memory == MAP_FAILED)
        fail("cannot map a ring of an AF_XDP socket");
    memory_ = memory;
    const auto at = [&](std::uint64_t offset) { return static_cast<std::byte*>(memory_) + offset; };
    producer_ = reinterpret_cast<std::uint32_t*>(at(offsets.producer));
    consumer_ = reinterpret_cast<std::uint32_t*>(at(offsets.consumer));
    flags_ = reinterpret_cast<std::uint32_t*>(at(offsets.flags));
    entries_ = reinterpret_cast<Entry*>(at(offsets.desc));
}

template <typename Entry>
XdpRing<Entry>::~XdpRing() {
    if (memory_ != nullptr)
        munmap(memory_, bytes_);
}

template <typename Entry>
void XdpRing<Entry>::swap(XdpRing& other) noexcept {
    std::swap(memory_, other.memory_);
    std::swap(bytes_, other.bytes_);
    std::swap(producer_, other.producer_);
    std::swap(consumer_, other.consumer_);
    std::swap(flags_, other.flags_);
    std::swap(entries_, other.entries_);
    std::swap(mask_, other.mask_);
    std::swap(next_, other.next_);
}

XdpSocket::XdpSocket(const Options& options, const Patience& patience)
    : fd_(open_socket()), sender_(open_socket()) {
    register_memory(fd(), options);
    if (!set_option(fd(), XDP_UMEM_FILL_RING, options.receive_entries) ||
        !set_option(fd(), XDP_UMEM_COMPLETION_RING, options.transmit_entries) ||
        !set_option(fd(), XDP_RX_RING, options.receive_entries) ||
        !set_option(sender_fd(), XDP_TX_RING, options.transmit_entries))
        fail("the kernel refuses a ring of an AF_XDP socket");
    xdp_mmap_offsets offsets{};
    socklen_t size = sizeof offsets;
    if (getsockopt(fd(), SOL_XDP, XDP_MMAP_OFFSETS, &offsets, &size) < 0)
        fail("cannot map the rings of an AF_XDP socket");
    fill = {fd(), offsets.fr, XDP_UMEM_PGOFF_FILL_RING, options.receive_entries};
    completed = {fd(), offsets.cr, XDP_UMEM_PGOFF_COMPLETION_RING, options.transmit_entries};
    receive = {fd(), offsets.rx, XDP_PGOFF_RX_RING, options.receive_entries};
    transmit = {sender_fd(), offsets.tx, XDP_PGOFF_TX_RING, options.transmit_entries};

    if (setsockopt(sender_fd(), SOL_SOCKET, SO_SNDBUFFORCE, &send_buffer_bytes, sizeof send_buffer_bytes) < 0)
        setsockopt(sender_fd(), SOL_SOCKET, SO_SNDBUF, &send_buffer_bytes, sizeof send_buffer_bytes);
    const bool sends_all = set_option(sender_fd(), XDP_MAX_TX_SKB_BUDGET, options.transmit_entries);
    frames_per_call_ = sends_all ? options.transmit_entries : default_frames_per_call;
    bind_receiver(fd(), options, patience);
    bind_sender(sender_fd(), fd(), options);

    xdp_options found{};
    size = sizeof found;
    if (getsockopt(fd(), SOL_XDP, XDP_OPTIONS, &found, &size) == 0)
        zero_copy_ = (found.flags & XDP_OPTIONS_ZEROCOPY) != 0;
}

/// The kernel checks the flags before it looks for the interface.
bool XdpSocket::takes_parts() {
    const ring::FileDescriptor probe(socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0));
    sockaddr_xdp address{};
    address.sxdp_family = AF_XDP;
    address.sxdp_flags = XDP_USE_SG;
    return bind_to(probe.get(), address) || errno != EINVAL;
}

std::uint64_t XdpSocket::drops() const {
    xdp_statistics statistics{};
    socklen_t size = sizeof statistics;
    if (getsockopt(fd(), SOL_XDP, XDP_STATISTICS, &statistics, &size) < 0)
        return 0;
    return statistics.rx_dropped + statistics.rx_ring_full;
}

template class XdpRing<std::uint64_t>;
template class XdpRing<xdp_desc>;

} // namespace aoetarget::net
