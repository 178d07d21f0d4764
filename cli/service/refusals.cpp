// Puts the entry before each message, unless the message begins with it.
#include "service/refusals.hpp"

namespace cli {

void Refusals::throw_if_any() const {
    if (!messages_.empty())
        throw StartError(exit_code_, messages_, is_busy_);
}

void Refusals::add(const std::string& entry, const std::string& text, int exit_code) {
    exit_code_ = messages_.empty() || exit_code_ == exit_code ? exit_code : exit_failed;
    messages_.push_back(text.starts_with(entry) ? text : entry + ": " + text);
}

} // namespace cli
