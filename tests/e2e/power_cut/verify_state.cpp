// Compares what is left of a state file with the record. Prints how many changes were acknowledged; each part
// has to be as the last of them made it, or one under way.
#include "power_cut.hpp"

#include <cstdio>
#include <fstream>
#include <iostream>
#include <sstream>

namespace aoetest::power_cut {

namespace {

std::string text_of(const Mac& mac) {
    std::array<char, 18> text{};
    std::snprintf(text.data(), text.size(), "%02x:%02x:%02x:%02x:%02x:%02x", mac.octets[0], mac.octets[1],
                  mac.octets[2], mac.octets[3], mac.octets[4], mac.octets[5]);
    return text.data();
}

/// The line that the file holds for a part when it is at this version.
std::string line_of(StatePart part, Version version) {
    if (part == StatePart::mask || part == StatePart::reserve)
        return (part == StatePart::mask ? "mask " : "reserve ") + text_of(listed_mac(version));
    std::string line = "config ";
    for (const char digit : std::to_string(version))
        line += std::string("3") + digit; // in hexadecimal digits
    return line;
}

bool holds_line(const std::string& text, const std::string& line) {
    return text.find("\n" + line + "\n") != std::string::npos;
}

} // namespace

int verify_state(const Arguments& arguments) {
    const Record record = load(arguments[0]);
    std::ifstream file(arguments[1]);
    std::stringstream text;
    text << file.rdbuf();
    for (std::size_t i = 0; i < state_parts; ++i) {
        const StateRecord& part = record.state[i];
        bool found = part.acknowledged == 0;
        for (Version version : {part.acknowledged, part.sent})
            found = found || holds_line(text.str(), line_of(static_cast<StatePart>(i), version));
        if (!found) {
            std::cerr << "expected '" << line_of(static_cast<StatePart>(i), part.acknowledged) << "' in\n"
                      << text.str();
            return 1;
        }
    }
    Version acknowledged = 0;
    for (const StateRecord& part : record.state)
        acknowledged = std::max(acknowledged, part.acknowledged);
    std::cout << acknowledged << std::endl;
    return 0;
}

} // namespace aoetest::power_cut
