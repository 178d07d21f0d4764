// The error for a file that cannot be exported, with cause and cure.
#pragma once

#include <string>
#include <string_view>

namespace aoetarget::storage {

/// Throws std::system_error. `why` has the cure, and the cause if the error number does not tell it.
[[noreturn]] void refuse(int error, const std::string& path, std::string_view why);

/// Returns cause and cure of an open() that failed with `error`, or nothing if the number says all.
std::string_view open_advice(int error, bool read_only);

} // namespace aoetarget::storage
