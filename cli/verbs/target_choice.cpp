// --name and --control.
#include "verbs/target_choice.hpp"

#include "control/control_socket.hpp"
#include "usage_error.hpp"

namespace cli {

void TargetChoice::add_to(ArgumentParser& parser) {
    parser.add_option("--name", name_);
    parser.add_option("--control", control_);
}

std::string TargetChoice::path() const {
    if (is_none())
        throw UsageError("--control none is for 'aoetarget serve': a target without a control socket cannot "
                         "be asked or changed; name the socket of another one, or leave the option out");
    return has_path() ? control_ : control_path(name_);
}

} // namespace cli
