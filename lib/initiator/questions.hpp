// The questions that tools ask targets, as frames, and what the answers say.
#pragma once

#include <aoetarget/discover.hpp>

#include "protocol/aoe.hpp"
#include "protocol/ata.hpp"

#include <array>
#include <optional>

namespace aoetarget::initiator {

/// Means every target on the network.
inline constexpr Address everybody{protocol::any_shelf, protocol::any_slot};

/// No answer to Query Config or IDENTIFY is longer.
inline constexpr std::size_t max_short_answer = protocol::query_config_bytes + protocol::max_config_string;

using ShortFrame = std::array<std::byte, protocol::min_frame_bytes>;

/// Between whom a question goes.
struct Route {
    MacAddress source;
    MacAddress destination;
    Address address;
};

/// Writes Query Config read. `frame` must be zeros, of the length of a ShortFrame or more: what follows the
/// question is padding.
void write_config_question(Bytes frame, const Route& route, std::uint32_t tag);
/// Writes a command that carries no data, in the same way.
void write_ata_question(Bytes frame, const Route& route, std::uint32_t tag,
                        const protocol::AtaRegisters& registers);
protocol::AtaRegisters identify_registers();
/// Those of a read from the first sector on.
protocol::AtaRegisters read_registers(unsigned sectors);

/// Returns the header of an answer from a target of any address. Returns nothing for anything else, like our
/// own question that came back on `lo`, or a faulty answer.
std::optional<protocol::Header> read_answer(ConstBytes frame);

/// Returns the target that answers Query Config. Returns nothing if this is no such answer or an error.
std::optional<DiscoveredTarget> read_config(const protocol::Header& header, ConstBytes frame);

/// Returns the registers of an answer to an ATA command that succeeded and has `data_bytes` of data.
std::optional<protocol::AtaRegisters> read_ata_success(const protocol::Header& header, ConstBytes frame,
                                                       std::size_t data_bytes);

/// Takes over what an answer to IDENTIFY from this target says. Returns false if this is no such answer.
bool take_identity(const protocol::Header& header, ConstBytes frame, DiscoveredTarget& target);

} // namespace aoetarget::initiator
