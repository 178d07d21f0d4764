// Decides which operation gets a bounce buffer, and which waits for one.
#include "core/bounce_pool.hpp"

#include "core/mutation.hpp"
#include "core/scheduler.hpp"

#include <new>

namespace aoetarget::core {

BouncePool::BouncePool(Bytes shared) : shared_(shared.size() / buffer_bytes) {
    for (std::size_t i = 0; i < shared_; ++i)
        free_.push_back(shared.subspan(i * buffer_bytes, buffer_bytes));
}

void BouncePool::add_export() {
    constexpr std::size_t alignment = 4096;
    if (owned_memory_.size() == exports_ && !mutated(Mutation::share_all_buffers)) {
        auto* memory = static_cast<std::byte*>(std::aligned_alloc(alignment, buffer_bytes));
        if (memory == nullptr)
            throw std::bad_alloc();
        owned_memory_.emplace_back(memory);
        free_.reserve(shared_ + owned_memory_.size());
        free_.emplace_back(memory, buffer_bytes);
    }
    ++exports_;
}

/// An export gets a second buffer only if all others could still have their first, including future exports
/// whose memory is there already, and it gets at most half of the shared buffers.
bool BouncePool::may_take(const Account& account) const {
    if (mutated(Mutation::share_all_buffers))
        return !free_.empty();
    if (account.buffers == 0)
        return !free_.empty();
    return free_.size() > owned_memory_.size() - owners_ && account.buffers <= (shared_ + 1) / 2;
}

Bytes BouncePool::take(Account& account) {
    if (!may_take(account))
        return {};
    owners_ += account.buffers++ == 0 ? 1 : 0;
    const Bytes buffer = free_.back();
    free_.pop_back();
    return buffer;
}

Operation* BouncePool::give_back(Bytes buffer, Account& account) {
    free_.push_back(buffer.first(buffer_bytes));
    owners_ -= --account.buffers == 0 ? 1 : 0;
    Operation* before = nullptr;
    for (Operation* waiter = first_waiter_; waiter != nullptr; before = waiter, waiter = waiter->next) {
        if (!may_take(waiter->scheduler->account()))
            continue;
        (before != nullptr ? before->next : first_waiter_) = waiter->next;
        if (waiter == last_waiter_)
            last_waiter_ = before;
        return waiter;
    }
    return nullptr;
}

void BouncePool::wait(Operation& operation) {
    operation.next = nullptr;
    (last_waiter_ != nullptr ? last_waiter_->next : first_waiter_) = &operation;
    last_waiter_ = &operation;
}

} // namespace aoetarget::core
