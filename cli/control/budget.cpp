// Compares with the limits, and keeps both sums.
#include "control/budget.hpp"

#include "exit_code.hpp"
#include "failure.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <utility>

namespace cli {
namespace {

Amount sum(const Amount& a, const Amount& b) {
    return {a.bytes + b.bytes, a.descriptors + b.descriptors};
}

/// Returns the amount that is beyond its limit, with its limit, or nothing.
std::string excess(const Amount& amount, const Amount& limit) {
    if (amount.bytes > limit.bytes)
        return fmt::format("{} bytes of a change for which nobody has asked yet, and may be at most {}",
                           amount.bytes, limit.bytes);
    if (amount.descriptors > limit.descriptors)
        return fmt::format("{} open files for a change for which nobody has asked yet, and may be at most {} "
                           "(which a higher limit of open files, LimitNOFILE or 'ulimit -Hn', may raise)",
                           amount.descriptors, limit.descriptors);
    return {};
}

} // namespace

BudgetLimits limits_within(std::size_t open_files) {
    BudgetLimits limits;
    limits.of_one.descriptors = std::min(limits.of_one.descriptors, open_files / 2);
    limits.of_all.descriptors = std::min(limits.of_all.descriptors, open_files / 4 * 3);
    return limits;
}

Share::Share(std::shared_ptr<Account> account, const Amount& amount) : amount_(amount) {
    Budget& budget = *account->budget;
    const Amount of_one = sum(account->held, amount), of_all = sum(budget.held, amount);
    if (const std::string much = excess(of_one, budget.limits.of_one); !much.empty())
        throw Failure(exit_failed,
                      fmt::format("the target would keep for this connection {}; make the change in smaller "
                                  "steps",
                                  much));
    if (const std::string much = excess(of_all, budget.limits.of_all); !much.empty())
        throw Failure(exit_failed, fmt::format("the target would keep for all programs {}; try again when "
                                               "others have ended",
                                               much));
    account->held = of_one;
    budget.held = of_all;
    account_ = std::move(account);
}

Share& Share::operator=(Share&& other) noexcept {
    if (this != &other) {
        give_back();
        account_ = std::move(other.account_);
        amount_ = other.amount_;
    }
    return *this;
}

void Share::give_back() noexcept {
    const std::shared_ptr<Account> account = std::move(account_);
    if (account == nullptr)
        return;
    for (Amount* held : {&account->held, &account->budget->held}) {
        held->bytes -= amount_.bytes;
        held->descriptors -= amount_.descriptors;
    }
}

} // namespace cli
