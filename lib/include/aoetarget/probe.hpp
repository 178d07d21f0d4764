// A test of the path to a target from the initiator's side, for tools. It only reads.
#pragma once

#include <aoetarget/discover.hpp>
#include <aoetarget/event.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#pragma GCC visibility push(default)
namespace aoetarget {

/// How long frames can be in one direction. Lengths are in bytes and include the 14 bytes of the Ethernet
/// header, which an MTU does not count.
struct ProbedLength {
    /// The longest frame that got through, or 0 if none did or the direction could not be measured.
    std::size_t longest = 0;
    /// The length of the shortest frame that did not get through, or 0 if every length did that was asked
    /// for.
    std::size_t shortest_lost = 0;

    bool operator==(const ProbedLength&) const = default;
};

/// Requests of one kind that were sent one after another at a moderate pace.
struct ProbedSeries {
    /// The lengths of the frames in bytes, with the Ethernet header. If both are 0, there was no such series.
    std::size_t request_bytes = 0;
    std::size_t answer_bytes = 0; ///< The length of an answer that is no refusal.
    unsigned sent = 0;
    unsigned answered = 0;
    unsigned duplicates = 0; ///< Answers to a request that had been answered before.
    unsigned reordered = 0;  ///< Requests that were answered later than one that was sent after them.
    /// From sending a request to its answer. They are 0 if nothing was answered.
    std::chrono::nanoseconds min{}, median{}, p99{}, max{};

    [[nodiscard]] unsigned lost() const { return sent - answered; }
};

enum class ProbeFindingKind : std::uint8_t {
    fine,             ///< Nothing is wrong.
    no_answer,        ///< No target has the address, or none that answers this host.
    other_targets,    ///< Targets of other addresses answer.
    unicast_silent,   ///< The target answers broadcasts, and nothing that is sent to its own address.
    fell_silent,      ///< The target has stopped answering during the probe.
    path_mtu,         ///< Frames of the length that initiators use do not get through.
    frame_limit,      ///< One end allows longer frames than the other.
    padding_dropped,  ///< The way to the target could not be measured.
    reads_refused,    ///< The way back could not be measured, and initiators cannot read.
    not_identified,   ///< The target does not answer IDENTIFY DEVICE.
    few_buffers,      ///< Linux cannot use a target that advertises fewer than two buffers.
    address_conflict, ///< Different disks answer for the address.
    several_paths,    ///< One disk answers from several MAC addresses.
    loss,
    duplicates,
    reordering,
};

/// Returns the name of the kind for programs: "path-mtu".
std::string_view name(ProbeFindingKind kind) noexcept;

struct ProbeFinding {
    /// An error keeps initiators from working, a warning makes them slow, and a notice is in order.
    Severity severity = Severity::notice;
    ProbeFindingKind kind = ProbeFindingKind::fine;
    /// A sentence or more with the cause and the cure. It may hold serial numbers as targets sent them, whose
    /// bytes may be anything.
    std::string text = {};
};

struct ProbeReport {
    std::string interface;
    unsigned mtu = 0;
    MacAddress mac;      ///< That of the interface.
    std::string port_of; ///< The bridge or the like that takes the frames of the interface, or empty.
    Address address;     ///< The one that was asked for.

    /// Those that answered for the address, one entry for each MAC address, sorted by it, 64 at most.
    /// Everything below is about the path to the first. If there is none, nothing below was measured.
    std::vector<DiscoveredTarget> targets;
    /// If no target has the address: those of other addresses that answered, sorted, 64 at most.
    std::vector<DiscoveredTarget> others;

    /// The number of sectors that Linux puts into a frame on this path: what the MTU carries or the target
    /// advertises, whichever is less.
    unsigned sectors_in_use = 0;
    std::size_t bytes_in_use = 0; ///< The length of a frame with so many, with its Ethernet header.
    ProbedLength to_target;       ///< Measured by padded requests. They are asked for up to `mtu` + 14 bytes.
    ProbedLength from_target;     ///< Measured by reads. They are asked for up to `sectors_in_use` sectors.
    /// Why the target refused to read, or empty.
    std::string refusal;

    ProbedSeries small;      ///< Requests and answers that carry no data.
    ProbedSeries to_large;   ///< Requests as long as writes of `sectors_in_use`, with short answers.
    ProbedSeries from_large; ///< Short requests, with answers as long as reads of `sectors_in_use`.

    /// The target still answered when everything was measured. Otherwise some of the members above are empty.
    bool answers_at_end = false;

    /// What the figures mean, the most severe first. There is always one.
    std::vector<ProbeFinding> findings;

    /// Returns the severity of the first finding.
    [[nodiscard]] Severity severity() const {
        return findings.empty() ? Severity::notice : findings.front().severity;
    }
};

/// Asks the target of this address on the interface's network who it is, finds the longest frames that get
/// through in either direction, and measures loss and latency. It sends Query Config reads, IDENTIFY DEVICE
/// and reads of the first sectors only, a thousand frames at most in a second, and of them never more than
/// four, nor more than 64 KiB or one, at a time. `address` must not be a wildcard. It blocks for a few
/// seconds, and needs CAP_NET_RAW. Throws std::system_error with the interface, the cause and the cure.
ProbeReport probe(const std::string& interface, const Address& address);

} // namespace aoetarget
#pragma GCC visibility pop
