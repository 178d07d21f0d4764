// The reason, as human-readable text, why something optional is not available.
#pragma once

#include <cstring>
#include <stdexcept>
#include <string>

namespace aoetarget::net {

class Refusal : public std::runtime_error {
  public:
    Refusal(int error, const std::string& why) : std::runtime_error(why), error_(error) {}

    [[nodiscard]] int error() const { return error_; }

    /// Makes a refusal whose only cause is the kernel's error message.
    static Refusal unexplained(int error, const std::string& what) {
        return {error, what + ": " + std::strerror(error)};
    }

  private:
    int error_;
};

} // namespace aoetarget::net
