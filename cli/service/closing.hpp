// Waits until the disks of exports that were removed are closed.
#pragma once

#include "service/transition.hpp"

#include <aoetarget/address.hpp>

#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <utility>

namespace cli {

/// Any thread may call it.
class Closing : public std::enable_shared_from_this<Closing> {
  public:
    /// The disk of this export is open as long as a copy of the result is there.
    [[nodiscard]] std::shared_ptr<void> open(const aoetarget::Address& address) {
        const std::scoped_lock lock(mutex_);
        open_.insert(address);
        return {nullptr, [self = shared_from_this(), address](void*) { self->closed(address); }};
    }
    /// Lets go of `hold` when no disk is open any more.
    void wait(Step::Hold hold) {
        const std::scoped_lock lock(mutex_);
        if (!open_.empty())
            waits_ = std::move(hold);
    }
    /// Returns what a user should know while disks are open.
    [[nodiscard]] std::string text() const {
        const std::scoped_lock lock(mutex_);
        std::string exports;
        for (const aoetarget::Address& address : open_)
            exports += (exports.empty() ? "" : ", ") + to_string(address);
        return exports + ": the requests that were under way have not ended yet; when they have, the disk is "
                         "flushed and closed";
    }

  private:
    void closed(const aoetarget::Address& address) {
        Step::Hold last; // goes without the lock
        const std::scoped_lock lock(mutex_);
        open_.erase(address);
        if (open_.empty())
            last = std::move(waits_);
    }

    mutable std::mutex mutex_;
    std::set<aoetarget::Address> open_;
    Step::Hold waits_;
};

} // namespace cli
