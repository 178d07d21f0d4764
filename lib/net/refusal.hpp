// Why something that one can do without is not to be had, in words for people.
#pragma once

#include <cstring>
#include <stdexcept>
#include <string>

namespace aoetarget::net {

class Refusal : public std::runtime_error {
  public:
    Refusal(int error, const std::string& why) : std::runtime_error(why), error_(error) {}

    [[nodiscard]] int error() const { return error_; }

    /// Where the kernel's own word is all that is known.
    static Refusal unexplained(int error, const std::string& what) {
        return {error, what + ": " + std::strerror(error)};
    }

  private:
    int error_;
};

} // namespace aoetarget::net
