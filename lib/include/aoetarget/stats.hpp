// The counters of a target. Counters only grow; take the difference of two snapshots for a rate.
#pragma once

#include <aoetarget/address.hpp>
#include <aoetarget/latency.hpp>

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#pragma GCC visibility push(default)
namespace aoetarget {

/// The kinds of requests that histograms and initiators tell apart. `other` are all other ATA commands, Query
/// Config, MAC mask list and Reserve/Release.
enum class RequestKind : std::uint8_t { read, write, flush, discard, other };
inline constexpr std::size_t request_kinds = 5;
/// Returns the name, as "read".
[[nodiscard]] const char* to_string(RequestKind kind);

struct InterfaceStats {
    /// As the interface is called now, or was last.
    std::string name;
    /// The name or pattern that Target::add_interface() got for it.
    std::string entry;
    /// The link that carries frames now, as human-readable text: "packet", "xdp native", "xdp generic" (the
    /// kernel does the driver's part, which gains little), or "packet: " and the reason why it is not XDP
    /// although the options ask for it.
    std::string link;
    /// The rules of this machine that do not apply to all frames of the target, because the options say so,
    /// as human-readable text: "the qdisc tbf", "filters of tc (clsact)". It is empty if there are none.
    std::string passes_by;
    /// Those of them that filter received frames, for AF_XDP passes them by with requests to the target's own
    /// address only: they still apply to broadcasts, with which initiators look for targets.
    std::string filters_broadcasts;
    MacAddress mac;
    /// Largest payload of a frame in bytes that the interface takes now.
    unsigned mtu = 0;
    /// The sectors per frame that Query Config advertises on this interface now.
    unsigned sectors_per_frame = 0;
    /// The interface exists. If not, it has been deleted, and the target serves the next one with its name.
    bool present = true;
    /// The buffer count that Query Config advertises on this interface now.
    unsigned buffers = 0;
    /// Why that is less than InterfaceOptions::buffer_count, as human-readable text, or nothing if it is not.
    std::string buffers_bound;
    bool up = false;
    /// The time since `up` last changed, or since the target has known the interface.
    std::chrono::nanoseconds since_change{};
    /// The bridge, the bond or the like that takes the interface's frames, so that hosts get no answers here:
    /// serve that one instead. Usually empty.
    std::string port_of;

    std::uint64_t rx_frames = 0;
    /// Frames that the kernel dropped before the target saw them, because a socket's buffer was full: raise
    /// `net.core.rmem_max` (which AF_XDP does not use: there take packet sockets) or lower the load. With
    /// several interfaces this also counts frames that arrived just after the machine's clock was set back.
    std::uint64_t rx_dropped = 0;
    /// Frames longer than a slot. The MTU was raised a moment ago, or there is no memory for larger slots.
    std::uint64_t rx_oversized = 0;
    /// Times that the receiver had to stop because every slot was in use. The disks are slower than the
    /// network.
    std::uint64_t rx_starved = 0;
    /// Frames that are malformed, meant for another target or not authorised, which the target drops in
    /// silence, as the protocol demands; and all that come to a port (`port_of`).
    std::uint64_t rx_ignored = 0;
    std::uint64_t tx_frames = 0;
    /// Answers that the target gave up, because the interface refused them or had no room for them for 100
    /// ms. The initiators repeat their requests.
    std::uint64_t tx_errors = 0;
    /// Times that an answer had to wait, because the interface had no room for it: the network is slower than
    /// the target, or flow control stops it. The target tries again each millisecond.
    std::uint64_t tx_retries = 0;
};

struct ExportStats {
    enum class State : std::uint8_t {
        ok,
        failing,         ///< The device fails requests, or has not finished some within its timeout.
        refusing_writes, ///< A flush has failed. Mend the cause, then replace the device.
        vanished,        ///< The device is gone, or has become smaller than it was.
        conflict,        ///< Another target answers for the address with another disk.
    };

    Address address;
    std::string serial;
    std::uint64_t sectors = 0;
    /// If several apply, `vanished` comes before `refusing_writes`, `failing` and `conflict`, in this order.
    State state = State::ok;
    /// The time since `state` last changed, or since the export was added.
    std::chrono::nanoseconds since_change{};
    /// The time since the arrival of the oldest request that is under way and not yet answered, or nothing if
    /// there is none.
    std::optional<std::chrono::nanoseconds> oldest_request = {};

    std::uint64_t reads = 0;
    std::uint64_t writes = 0;
    std::uint64_t sectors_read = 0;
    std::uint64_t sectors_written = 0;
    std::uint64_t flushes = 0;
    std::uint64_t discards = 0;
    /// All other requests: other ATA commands, Query Config, MAC mask list and Reserve/Release.
    std::uint64_t other_commands = 0;
    /// Operations that the device got. (reads + writes) divided by this is the gain of merging.
    std::uint64_t device_operations = 0;
    /// Reads that needed no operation of their own, because an earlier one had read their sectors ahead.
    std::uint64_t read_ahead = 0;
    /// Exact copies of a request that is still under way. An initiator repeats too early, or the network
    /// delivers frames twice.
    std::uint64_t duplicates = 0;
    /// Requests that had to wait for an earlier one on the same sectors.
    std::uint64_t ordered = 0;
    /// Partial logical blocks that the target had to read, patch and write. Align the initiator's partitions
    /// and frame size to avoid them.
    std::uint64_t patched = 0;
    /// ATA errors answered.
    std::uint64_t ata_errors = 0;
    /// AoE errors answered.
    std::uint64_t aoe_errors = 0;
    /// Flushes that failed, including the one at the end, and the last one of a device with a volatile cache
    /// that was replaced. With a volatile cache, writes that were answered may be lost.
    std::uint64_t flush_errors = 0;
    /// Requests dropped because the device was out of resources (EAGAIN, ENOMEM), because it failed and its
    /// errors stay unanswered for a while (ExportOptions::silence_on_error), or because another change of its
    /// state was being saved. The initiators repeat them.
    std::uint64_t dropped = 0;
    /// Requests dropped because this export already had as many under way as one export may have: the device
    /// is slower than its initiators ask for, or hangs. The initiators repeat them.
    std::uint64_t overload = 0;
    /// Requests dropped because their sender already had as many under way as one sender may have: it floods,
    /// it exceeds the advertised buffer count, or disks hang. The requests of other senders are served.
    std::uint64_t crowding = 0;
    /// Writes and changes of the state dropped because they came so late that they would have undone newer
    /// ones: an interface was not served for a while, or the network delays frames. Initiators repeat a
    /// request for which they still wait. The target recognises a late copy of a write for two seconds and
    /// 32,768 other writes of the export. An initiator that uses one tag for several requests and writes A, B
    /// and A again to the same sectors therefore waits up to two seconds for the third write, which looks
    /// like a copy of the first.
    std::uint64_t stale = 0;
    /// Requests under way now. This is the only value here that also falls.
    std::uint64_t in_flight = 0;
    /// The times from the arrival of requests to their answers, by kind. They have no requests that were
    /// dropped, and none that the target answers without the device, such as IDENTIFY.
    std::array<LatencyHistogram, request_kinds> latency{};
};

/// The requests of one initiator to one export.
struct InitiatorStats {
    MacAddress initiator;
    Address exported;
    /// All that came, by kind, whatever became of them.
    std::array<std::uint64_t, request_kinds> requests{};
    /// Exact copies of requests that were still under way: see ExportStats::duplicates.
    std::uint64_t repeats = 0;
    /// The time since its last request.
    std::chrono::nanoseconds last_seen{};
};

/// Returns the state's name, as "refusing-writes".
[[nodiscard]] const char* to_string(ExportStats::State state);

struct Stats {
    /// Those that a pattern or InterfaceOptions::wait may take, as long as they are there.
    std::vector<InterfaceStats> interfaces;
    /// Patterns, and names of interfaces with InterfaceOptions::wait that are not there.
    std::vector<std::string> waited_for;
    std::vector<ExportStats> exports;
    /// The initiators of each export, up to 1,024 pairs. In a table that is full, those that were silent for
    /// the longest time give way, with their counters. Source addresses are easily forged.
    std::vector<InitiatorStats> initiators;
    /// Exports that were removed and whose flush at the end failed. With a volatile cache, data that was
    /// answered may be lost. Their own counters are gone with them.
    std::uint64_t failed_last_flushes = 0;
    /// Answers to wildcard requests that the target dropped because no slot was free.
    std::uint64_t out_of_slots = 0;
};

} // namespace aoetarget
#pragma GCC visibility pop
