// The XDP program that hands one interface's AoE requests to an AF_XDP socket and passes everything else to
// the kernel. It is attached by a BPF link, so it is detached when the last process that has it ends, however
// that happens.
#pragma once

#include <aoetarget/address.hpp>

#include "net/patience.hpp"
#include "net/xdp_instructions.hpp"
#include "ring/file_descriptor.hpp"

#include <array>
#include <cstdint>
#include <set>
#include <span>

namespace aoetarget::net {

class XdpProgram {
  public:
    /// In native mode the driver runs the program. In generic mode the kernel runs it, after it has made a
    /// packet of the frame, which gains little.
    enum class Mode { native, generic };
    /// The link, the program that stamps, and the maps in the order of XdpMaps.
    static constexpr std::size_t descriptor_count = 6;

    /// Attaches the program, which passes everything until it has a socket and a destination. `patience` is
    /// the time to wait for another program on the interface, which may be about to go. Throws Refusal.
    XdpProgram(int interface_index, Mode mode, const Patience& patience);
    /// Takes over descriptors() of another process, which may be hostile: they must be of the right kinds and
    /// sizes, or this throws Refusal (EBADMSG). Whether that program does its work only the lane can tell.
    XdpProgram(std::array<ring::FileDescriptor, descriptor_count> descriptors, Mode mode);
    /// Throws Refusal if the kernel does not take the program from this thread. It is attached to nothing.
    static void check();

    [[nodiscard]] std::array<int, descriptor_count> descriptors() const;
    [[nodiscard]] Mode mode() const { return mode_; }
    /// Returns false also if the interface is gone, even if another has the same index.
    [[nodiscard]] bool is_attached_to(int interface_index) const;

    /// Sets the requests to take: untagged unicast frames to `mac` for exactly these exports. Other targets
    /// on this machine may serve the other slots of the same shelf, and all of them have to see a wildcard,
    /// so neither is taken.
    void set_destinations(const MacAddress& mac, std::span<const Address> addresses);
    /// Hands these requests to this AF_XDP socket from now on, if they arrive on this queue.
    void set_socket(std::uint32_t queue, int fd);
    /// Writes the time (CLOCK_MONOTONIC, in nanoseconds, xdp_stamp_bytes long) before every frame that is
    /// taken from now on. If that is not possible, for example because a driver has no room for it, nothing
    /// is written there.
    void stamp();
    /// Passes everything to the kernel until there are destinations again.
    void pass_all() { set_destinations({}, {}); }
    /// Detaches the program for good.
    void detach();
    /// Frames that went to sockets, as far as the program can tell.
    [[nodiscard]] std::uint64_t redirected() const { return usage_.values()->redirected; }
    /// The next frame that goes to the socket makes this descriptor readable, until the next call.
    [[nodiscard]] int alarm() { return usage_.alarm(); }

  private:
    /// The fields of a frame that the program looks up.
    struct Destination {
        MacAddress mac;
        Address address;

        auto operator<=>(const Destination&) const = default;
    };

    /// A page of a map in the memory of this process.
    class Page {
      public:
        Page(const ring::FileDescriptor& map, int rights, std::uint32_t number);
        ~Page();
        Page(const Page&) = delete;
        Page& operator=(const Page&) = delete;

        template <typename T>
        [[nodiscard]] volatile T* as() const {
            return static_cast<T*>(memory_);
        }

      private:
        void* memory_;
    };

    /// Memory that the program shares with this process, so that it takes no system call.
    class Usage {
      public:
        Usage(ring::FileDescriptor values_map, ring::FileDescriptor alarms_map);

        [[nodiscard]] int values_map() const { return values_map_.get(); }
        [[nodiscard]] int alarms_map() const { return alarms_map_.get(); }
        [[nodiscard]] const volatile XdpUsage* values() const { return values_.as<XdpUsage>(); }
        int alarm();

      private:
        ring::FileDescriptor values_map_;
        ring::FileDescriptor alarms_map_;
        Page values_;
        Page alarms_read_, alarms_written_; ///< Positions in the ring buffer.
    };

    /// Only makes the maps.
    XdpProgram();
    [[nodiscard]] XdpMaps maps() const;

    ring::FileDescriptor sockets_;
    ring::FileDescriptor destinations_;
    Usage usage_;
    ring::FileDescriptor stamping_; ///< The program that also stamps.
    ring::FileDescriptor link_;
    Mode mode_ = Mode::native;
    bool stamps_ = false;
    std::set<Destination> known_; ///< The entries of destinations_.
};

} // namespace aoetarget::net
