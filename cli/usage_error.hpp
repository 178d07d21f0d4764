// A bad command line: told in one line, "what: why; what to do".
#pragma once

#include <stdexcept>

namespace cli {

class UsageError : public std::runtime_error {
  public:
    using std::runtime_error::runtime_error;
};

} // namespace cli
