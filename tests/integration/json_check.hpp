// Checks whether a text is one well-formed JSON value (RFC 8259), which is enough to judge the output of a
// program for scripts.
#pragma once

#include <string>

namespace aoetest {

bool is_json(const std::string& text);

} // namespace aoetest
