// What the connections of a control server may hold between two requests: each, and all together. Peers are
// trusted, and make mistakes: without limits, one that sends and never asks takes all memory and files.
#pragma once

#include <cstddef>
#include <memory>

namespace cli {

struct Amount {
    std::size_t bytes = 0; ///< Of packets.
    std::size_t descriptors = 0;
};

struct BudgetLimits {
    Amount of_one = {.bytes = std::size_t{8} << 20, .descriptors = 16384};
    Amount of_all = {.bytes = std::size_t{16} << 20, .descriptors = 24576};
};

/// Returns the limits for a process that may have so many open files: connections get at most three quarters
/// of these, and one at most a half.
BudgetLimits limits_within(std::size_t open_files);

/// What all connections hold. This object and those below belong to one thread.
struct Budget {
    BudgetLimits limits = {};
    Amount held = {};
};

/// What one connection holds.
struct Account {
    std::shared_ptr<Budget> budget;
    Amount held = {};
};

/// A part of an account, which has it back when the share ends. It may outlive the connection.
class Share {
  public:
    Share() = default;
    /// Throws Failure (failure.hpp) beyond a limit.
    Share(std::shared_ptr<Account> account, const Amount& amount);
    Share(Share&& other) noexcept = default;
    Share& operator=(Share&& other) noexcept;
    ~Share() { give_back(); }

  private:
    void give_back() noexcept;

    std::shared_ptr<Account> account_; ///< Null if it has nothing to give back.
    Amount amount_;
};

} // namespace cli
