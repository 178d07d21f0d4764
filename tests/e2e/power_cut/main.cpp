#include "power_cut.hpp"

#include <exception>
#include <iostream>

int main(int argc, char* argv[]) {
    using namespace aoetest::power_cut;
    const Arguments arguments(argv + std::min(argc, 2), argv + argc);
    const std::string verb = argc > 1 ? argv[1] : "";
    try {
        if (verb == "write" && arguments.size() >= 5)
            return write(arguments);
        if (verb == "replay" && (arguments.size() == 2 || arguments.size() == 3))
            return replay(arguments);
        if (verb == "verify" && arguments.size() == 3)
            return verify(arguments);
        if (verb == "verify-state" && arguments.size() == 2)
            return verify_state(arguments);
    } catch (const std::exception& error) {
        std::cerr << "power_cut " << verb << ": " << error.what() << std::endl;
        return 1;
    }
    std::cerr << "usage: power_cut write INTERFACE TARGET_MAC RECORD SEED SLOT:SECTORS[:flush][:state]...\n"
                 "       power_cut replay LOG IMAGE [SEED]\n"
                 "       power_cut verify RECORD SLOT IMAGE\n"
                 "       power_cut verify-state RECORD STATE_FILE\n";
    return 2;
}
