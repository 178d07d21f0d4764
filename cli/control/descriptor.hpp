// A file descriptor with an owner.
#pragma once

#include <utility>

#include <unistd.h>

namespace cli {

class Descriptor {
  public:
    Descriptor() = default;
    /// Takes the descriptor over. A negative number is none.
    explicit Descriptor(int number) : number_(number) {}
    Descriptor(Descriptor&& other) noexcept : number_(other.release()) {}
    Descriptor& operator=(Descriptor&& other) noexcept {
        if (this != &other) {
            reset();
            number_ = other.release();
        }
        return *this;
    }
    ~Descriptor() { reset(); }

    [[nodiscard]] int number() const { return number_; }
    [[nodiscard]] bool is_open() const { return number_ >= 0; }
    /// The caller owns it from now on.
    [[nodiscard]] int release() { return std::exchange(number_, -1); }
    void reset() {
        if (number_ >= 0)
            close(release());
    }

  private:
    int number_ = -1;
};

} // namespace cli
