// A file that cannot be exported: the error that says so, with cause and cure.
#pragma once

#include <string>
#include <string_view>

namespace aoetarget::storage {

/// Throws std::system_error. `why` is the cause as far as the error number does not tell it, and the cure.
[[noreturn]] void refuse(int error, const std::string& path, std::string_view why);

/// The cause and cure of an open() that failed with `error`; empty where its number says all.
std::string_view open_advice(int error, bool read_only);

} // namespace aoetarget::storage
