// Makes the text of a system error readable.
#include "failure.hpp"

#include <algorithm>

namespace cli {

int exit_code_of(const std::system_error& error) {
    const bool is_forbidden =
        error.code() == std::errc::operation_not_permitted || error.code() == std::errc::permission_denied;
    return is_forbidden ? exit_no_permission : exit_failed;
}

std::string message_of(const std::system_error& error) {
    std::string message = error.what();
    const bool is_refusal =
        error.code() == std::errc::invalid_argument || error.code() == std::errc::message_size ||
        error.code() == std::errc::bad_message || error.code() == std::errc::no_such_device ||
        error.code() == std::errc::no_such_file_or_directory || error.code() == std::errc::file_exists ||
        error.code() == std::errc::operation_not_supported || error.code() == std::errc::address_in_use;
    const bool is_busy = error.code() == std::errc::device_or_resource_busy;
    const std::string suffix = ": " + error.code().message();
    if (message.ends_with(suffix)) {
        message.resize(message.size() - suffix.size());
        const std::size_t cure = message.find("; ");
        const bool says_all = is_refusal || (is_busy && cure != std::string::npos);
        if (!says_all)
            message.insert(std::min(cure, message.size()), suffix);
    }
    if (error.code() == std::errc::too_many_files_open && message.find("ulimit") == std::string::npos)
        message += "; raise the limit of open files ('ulimit -n', in a service LimitNOFILE=)";
    return message;
}

} // namespace cli
