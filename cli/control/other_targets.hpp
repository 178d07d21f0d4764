// The other targets of this machine, for those who have asked for one that does not run.
#pragma once

#include <string>

namespace cli {

/// Returns a sentence part with the targets that listen in the folder of this control socket, and the options
/// that choose each: "targets of other names run: lab (--name lab)". Returns nothing if there is none.
std::string other_targets(const std::string& path);

} // namespace cli
