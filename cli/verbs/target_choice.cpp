// --name and --control.
#include "verbs/target_choice.hpp"

#include "control/control_socket.hpp"

namespace cli {

void TargetChoice::add_to(ArgumentParser& parser) {
    parser.add_option("--name", name_);
    parser.add_option("--control", control_);
}

std::string TargetChoice::path() const {
    return has_path() ? control_ : control_path(name_);
}

} // namespace cli
