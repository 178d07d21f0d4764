// The state of an export as text: one human-readable file with a checksum.
//
//     aoetarget state 1
//     config 686F6D65
//     mask 02:00:00:00:00:01
//     reserve 02:00:00:00:00:01
//     checksum 0123456789ABCDEF
//
// Each address has a line of its own; the config string is in hexadecimal digits; the checksum is the FNV-1a
// of all text before it.
#pragma once

#include "core/protocol_state.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace aoetarget::storage {

std::string encode_state(const core::ProtocolState& state);
/// Returns nothing if the text is not exactly as encode_state() writes it.
std::optional<core::ProtocolState> parse_state(std::string_view text);

} // namespace aoetarget::storage
