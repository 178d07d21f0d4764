// What a target counts. Every counter only grows; take the difference of two snapshots for a rate.
#pragma once

#include <aoetarget/address.hpp>

#include <cstdint>
#include <string>
#include <vector>

#pragma GCC visibility push(default)
namespace aoetarget {

struct InterfaceStats {
    std::string name;
    /// How frames come and go now, for people: "packet", "xdp native", "xdp generic" (the kernel plays the
    /// driver's part, which gains little), and after "packet: " why it is not XDP where that was wished for.
    std::string link;
    MacAddress mac;
    /// Largest payload of a frame in bytes as the interface has it now.
    unsigned mtu = 0;
    /// What Query Config advertises on this interface now.
    unsigned sectors_per_frame = 0;
    bool up = false;

    std::uint64_t rx_frames = 0;
    /// Lost in the socket before the target saw them: raise the buffers or lower the load. With several
    /// interfaces also what came in the moment after the machine's clock was set back.
    std::uint64_t rx_dropped = 0;
    /// Frames longer than a slot: the MTU was raised a moment ago, or there is no memory for larger slots.
    std::uint64_t rx_oversized = 0;
    /// Times the receiver stood still because every slot was in use: the disks are slower than the network.
    std::uint64_t rx_starved = 0;
    /// Malformed, foreign, unauthorised: dropped in silence as the protocol demands.
    std::uint64_t rx_ignored = 0;
    std::uint64_t tx_frames = 0;
    /// Answers that the interface refused; the initiators ask again.
    std::uint64_t tx_errors = 0;
};

struct ExportStats {
    Address address;
    std::string serial;
    std::uint64_t sectors = 0;

    std::uint64_t reads = 0;
    std::uint64_t writes = 0;
    std::uint64_t sectors_read = 0;
    std::uint64_t sectors_written = 0;
    std::uint64_t flushes = 0;
    std::uint64_t discards = 0;
    /// Every other ATA command, Query Config, mask list and reserve.
    std::uint64_t other_commands = 0;
    /// Operations given to the device; (reads + writes) divided by this is the gain of merging.
    std::uint64_t device_operations = 0;
    /// Reads that needed no operation of their own, since the device had been asked for their sectors before.
    std::uint64_t read_ahead = 0;
    /// Exact copies of a request still under way: an initiator that repeats too early, or a network that
    /// loses answers.
    std::uint64_t duplicates = 0;
    /// Requests that had to wait for an earlier one on the same sectors.
    std::uint64_t ordered = 0;
    /// Partial logical blocks that were read, patched and written: align the initiator's partitions and frame
    /// size.
    std::uint64_t patched = 0;
    /// ATA errors answered.
    std::uint64_t ata_errors = 0;
    /// AoE errors answered.
    std::uint64_t aoe_errors = 0;
    /// Flushes that failed, that at the end included: with a volatile cache, data that was answered may be
    /// lost.
    std::uint64_t flush_errors = 0;
    /// Requests dropped because the device was out of resources (EAGAIN, ENOMEM), or because this export
    /// already had as many under way as one may have; the initiators repeat them.
    std::uint64_t dropped = 0;
    /// Requests dropped because their sender already had as many under way as one may have: it floods, does
    /// not keep to the advertised buffer count, or disks hang. Those of others are served.
    std::uint64_t crowding = 0;
    /// Writes dropped because they came so late that they would have undone newer ones: an interface was not
    /// served for a while, or the network delays frames. The initiators repeat what they still want. A late
    /// copy is recognised for two seconds and 32,768 other writes of the export. An initiator that uses one
    /// tag for several requests and writes A, B and A again to the same sectors therefore waits up to two
    /// seconds for the third write, which looks like a copy of the first.
    std::uint64_t stale = 0;
    /// Requests being worked on now. The one gauge here: it goes up and down.
    std::uint64_t in_flight = 0;
};

struct Stats {
    std::vector<InterfaceStats> interfaces;
    std::vector<ExportStats> exports;
    /// Answers to a wildcard request that found no free slot and were given up.
    std::uint64_t out_of_slots = 0;
};

} // namespace aoetarget
#pragma GCC visibility pop
