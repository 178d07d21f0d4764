// The limit of open files.
#pragma once

#include <cstddef>

namespace cli {

/// Makes the limit as high as this process may, and returns it. The soft limit is usually 1024 because of
/// select(), which nothing here uses.
std::size_t raise_file_limit();

} // namespace cli
