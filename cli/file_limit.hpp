// The limit of open files.
#pragma once

namespace cli {

/// Makes the limit as high as this process may. The soft limit is usually 1024 because of select(), which
/// nothing here uses.
void raise_file_limit();

} // namespace cli
