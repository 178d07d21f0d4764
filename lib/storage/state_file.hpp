// The state of an export as text: one file, which people can read and which tells whether it is whole.
//
//     aoetarget state 1
//     config 686F6D65
//     mask 02:00:00:00:00:01
//     reserve 02:00:00:00:00:01
//     checksum 0123456789ABCDEF
//
// One line per address; the config string in hexadecimal digits; the checksum is the FNV-1a of all before it.
#pragma once

#include "core/protocol_state.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace aoetarget::storage {

std::string encode_state(const core::ProtocolState& state);
/// Empty where the text is not exactly what encode_state() would write.
std::optional<core::ProtocolState> parse_state(std::string_view text);

} // namespace aoetarget::storage
