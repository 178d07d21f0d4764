// Checks a file that another process has opened and sent. The sender may be hostile: nothing that it says is
// believed if it can be checked without opening anything.
#pragma once

#include "ring/file_descriptor.hpp"
#include "storage/file_device.hpp"

#include <string_view>
#include <vector>

namespace aoetarget::storage {

/// Throws std::system_error (EBADMSG).
[[noreturn]] void refuse_sent(std::string_view why);

/// Checks what the facts say against each other, so that no arithmetic with them overflows.
void check_facts(const OpenedFile& opened);

/// Checks the files against each other and against the facts. They are, in this order, that of the data, that
/// of the locks, and that of the exclusive use if there is one. Returns the cache that the first one uses,
/// and lowers `end_bytes` to what this process may write. Claims are not checked: see adopt_claim().
Cache check_files(OpenedFile& opened, const std::vector<ring::FileDescriptor>& files);

} // namespace aoetarget::storage
