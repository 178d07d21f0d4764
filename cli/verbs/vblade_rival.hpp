// A vblade process of this machine that serves the same file.
#pragma once

#include <aoetarget/address.hpp>

#include <optional>
#include <string>

namespace cli {

struct VbladeRival {
    int process = 0;
    std::string interface;
    aoetarget::Address address;
};

/// Looks among the processes that this one may see, by their command lines.
std::optional<VbladeRival> find_vblade_rival(const std::string& file);

} // namespace cli
