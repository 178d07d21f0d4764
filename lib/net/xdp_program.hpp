// The XDP program that hands one interface's AoE requests to an AF_XDP socket and passes everything else to
// the kernel. It is attached by a BPF link, so it is detached when this process ends, however that happens.
#pragma once

#include <aoetarget/address.hpp>

#include "net/patience.hpp"
#include "ring/file_descriptor.hpp"

#include <cstdint>
#include <set>
#include <span>
#include <string>

namespace aoetarget::net {

/// Descriptors of the maps that the program uses.
struct XdpMaps {
    int sockets, destinations, values, alarms;
};

/// What the program and this process tell each other.
struct XdpUsage {
    std::uint64_t redirected; ///< Frames that went to the socket.
    std::uint64_t alarm_is_set;
};

class XdpProgram {
  public:
    /// In native mode the driver runs the program. In generic mode the kernel runs it, after it has made a
    /// packet of the frame, which gains little.
    enum class Mode { native, generic };

    /// Attaches the program, which passes everything until it has a socket and a destination. `patience` is
    /// the time to wait for another program on the interface, which may be about to go. Throws Refusal.
    XdpProgram(int interface_index, Mode mode, const Patience& patience);
    /// Throws Refusal if the kernel does not take the program from this thread. It is attached to nothing.
    static void check();

    /// Sets the requests to take: untagged unicast frames to `mac` for exactly these exports. Other targets
    /// on this machine may serve the other slots of the same shelf, and all of them have to see a wildcard,
    /// so neither is taken.
    void set_destinations(const MacAddress& mac, std::span<const Address> addresses);
    /// Hands these requests to this AF_XDP socket from now on, if they arrive on this queue.
    void set_socket(std::uint32_t queue, int fd);
    /// Writes the time (CLOCK_MONOTONIC, in nanoseconds, stamp_bytes long) before every frame that is taken
    /// from now on. If that is not possible, for example because a driver has no room for it, nothing is
    /// written there.
    void stamp();
    static constexpr std::size_t stamp_bytes = sizeof(std::uint64_t);
    /// Passes everything to the kernel again.
    void detach();
    /// Frames that went to the socket, as far as the program can tell.
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

    /// Memory that the program shares with this process, so that it takes no system call.
    class Usage {
      public:
        Usage();
        ~Usage();
        Usage(const Usage&) = delete;
        Usage& operator=(const Usage&) = delete;

        [[nodiscard]] int values_map() const { return values_map_.get(); }
        [[nodiscard]] int alarms_map() const { return alarms_map_.get(); }
        [[nodiscard]] const volatile XdpUsage* values() const { return values_; }
        int alarm();

      private:
        ring::FileDescriptor values_map_; ///< Array of one XdpUsage.
        ring::FileDescriptor alarms_map_; ///< Ring buffer: a record for each alarm.
        volatile XdpUsage* values_;
        volatile std::uint64_t* alarms_read_; ///< Positions in the ring buffer.
        const volatile std::uint64_t* alarms_written_;
    };

    /// Only makes the maps.
    XdpProgram();
    [[nodiscard]] XdpMaps maps() const;

    ring::FileDescriptor sockets_;      ///< An XSKMAP, indexed by receive queue.
    ring::FileDescriptor destinations_; ///< A set of destinations.
    Usage usage_;
    ring::FileDescriptor link_;
    std::set<Destination> known_; ///< The entries of destinations_.
};

} // namespace aoetarget::net
