// Several folders have colons between them.
#include "systemd_directory.hpp"

#include <cstdlib>

namespace cli {

std::string systemd_directory(const char* variable) {
    const char* value = std::getenv(variable);
    const std::string all = value != nullptr ? value : "";
    return all.substr(0, all.find(':'));
}

} // namespace cli
