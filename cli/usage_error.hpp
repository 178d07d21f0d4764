// A bad command line. The message is one line: cause and cure, with a semicolon between them.
#pragma once

#include <stdexcept>

namespace cli {

class UsageError : public std::runtime_error {
  public:
    using std::runtime_error::runtime_error;
};

} // namespace cli
