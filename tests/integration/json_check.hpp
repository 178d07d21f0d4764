// Whether a text is one well-formed JSON value (RFC 8259). Enough to judge what a program prints for scripts.
#pragma once

#include <string>

namespace aoetest {

bool is_json(const std::string& text);

} // namespace aoetest
