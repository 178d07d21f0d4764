// An AF_XDP socket: four rings in memory shared with the kernel, through which it lends and returns the
// chunks of one region (UMEM). In the kernel it is two sockets that share the region, one for each direction:
// where the kernel copies frames, a poll of a socket that can send also sends, and tells nobody how that
// ended.
#pragma once

#include "net/patience.hpp"
#include "protocol/bytes.hpp"
#include "ring/file_descriptor.hpp"

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <utility>

#include <linux/if_xdp.h>

namespace aoetarget::net {

/// One side of one of the rings. `Entry` is an address in the region, or a descriptor of a frame.
template <typename Entry>
class XdpRing {
  public:
    XdpRing() = default;
    /// Maps the ring `place` of an open socket. Throws Refusal.
    XdpRing(int fd, const xdp_ring_offset& offsets, std::uint64_t place, std::uint32_t entries);
    XdpRing(XdpRing&& other) noexcept { swap(other); }
    XdpRing& operator=(XdpRing&& other) noexcept {
        swap(other);
        return *this;
    }
    ~XdpRing();

    /// For the producing side: adds an entry. There must be room.
    void push(const Entry& entry) { entries_[next_++ & mask_] = entry; }
    /// Shows the pushed entries to the kernel.
    void publish() { std::atomic_ref(*producer_).store(next_, std::memory_order_release); }
    /// Returns how many entries the kernel has not taken.
    [[nodiscard]] std::uint32_t untaken() const { return next_ - taken(); }
    [[nodiscard]] std::uint32_t taken() const {
        return std::atomic_ref(*consumer_).load(std::memory_order_acquire);
    }
    /// Visits the entries that the kernel has not taken, which cannot be taken back. The kernel may tell late
    /// that it has taken one: entries that were overwritten since are left out.
    template <typename Look>
    void for_each_untaken(Look look) const {
        for (std::uint32_t i = next_ - std::min(untaken(), mask_ + 1); i != next_; ++i)
            look(entries_[i & mask_]);
    }
    /// Returns whether the kernel needs a call to look at the ring.
    [[nodiscard]] bool needs_wakeup() const {
        // The published entries must be visible before this reads the flag, or both sides may wait for each
        // other.
        std::atomic_thread_fence(std::memory_order_seq_cst);
        return (std::atomic_ref(*flags_).load(std::memory_order_relaxed) & XDP_RING_NEED_WAKEUP) != 0;
    }

    /// For the consuming side: returns how many entries are there.
    [[nodiscard]] std::uint32_t available() const {
        return std::atomic_ref(*producer_).load(std::memory_order_acquire) - next_;
    }
    Entry pop() { return entries_[next_++ & mask_]; }
    /// Gives the places of popped entries back to the kernel.
    void release() { std::atomic_ref(*consumer_).store(next_, std::memory_order_release); }

  private:
    void swap(XdpRing& other) noexcept;

    void* memory_ = nullptr;
    std::size_t bytes_ = 0;
    std::uint32_t* producer_ = nullptr;
    std::uint32_t* consumer_ = nullptr;
    std::uint32_t* flags_ = nullptr;
    Entry* entries_ = nullptr;
    std::uint32_t mask_ = 0;
    std::uint32_t next_ = 0; ///< The index of this side.
};

/// An option of a descriptor: the frame continues in the next one. (The headers of Linux 6.6 have it.)
constexpr std::uint32_t xdp_frame_goes_on = 1;

class XdpSocket {
  public:
    struct Options {
        int interface_index = 0;
        std::uint32_t queue = 0;
        /// The region, aligned to a page and a multiple of chunk_bytes, which is 2048 or 4096.
        Bytes memory;
        std::uint32_t chunk_bytes = 0;
        std::uint32_t frame_offset = 0; ///< The offset in a chunk at which a frame, or a part of one, begins.
        bool in_parts = false;          ///< Frames longer than a chunk may arrive.
        /// The sizes must be powers of two, and no less than the number of chunks lent for it at once.
        std::uint32_t receive_entries = 0, transmit_entries = 0;
        bool copy = false; ///< The kernel copies frames even if the driver could do without.
    };

    /// `patience` is the time to wait for another socket that has the queue, and may be about to go. Throws
    /// Refusal.
    XdpSocket(const Options& options, const Patience& patience);

    /// Returns whether this kernel has Options::in_parts.
    [[nodiscard]] static bool takes_parts();

    /// Returns the descriptor that gets frames, is readable when some are there, and is told of `fill`.
    [[nodiscard]] int fd() const { return fd_.get(); }
    /// Returns the descriptor that is told of `transmit`.
    [[nodiscard]] int sender_fd() const { return sender_.get(); }
    /// Returns whether the device itself reads and writes the chunks.
    [[nodiscard]] bool zero_copy() const { return zero_copy_; }
    /// Returns how many frames the kernel sends in one call if it has to copy them.
    [[nodiscard]] std::uint32_t frames_per_call() const { return frames_per_call_; }
    /// Returns how many frames were lost because no chunk was free, or because they are longer than one.
    [[nodiscard]] std::uint64_t drops() const;

  private:
    ring::FileDescriptor fd_, sender_;
    bool zero_copy_ = false;
    std::uint32_t frames_per_call_ = 0;

  public:
    XdpRing<std::uint64_t> fill;      ///< Chunks for receiving.
    XdpRing<xdp_desc> receive;        ///< Frames that were received.
    XdpRing<xdp_desc> transmit;       ///< Frames to send.
    XdpRing<std::uint64_t> completed; ///< Chunks that were sent.
};

} // namespace aoetarget::net
