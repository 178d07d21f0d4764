// Keeps calls by number and by time.
#include "delayed_calls.hpp"

namespace aoetarget {

DelayedCalls::Id DelayedCalls::add(core::Time time, std::function<void()> call) {
    if (closed_)
        return 0;
    calls_.emplace(++last_, Call{time, std::move(call)});
    times_.emplace(time, last_);
    return last_;
}

bool DelayedCalls::cancel(Id id) {
    const auto call = calls_.extract(id); // its destructor may call this object
    if (call.empty())
        return false;
    times_.erase({call.mapped().time, id});
    return true;
}

void DelayedCalls::run(core::Time now) {
    const Id last = last_;
    for (auto next = times_.begin(); next != times_.end() && next->first <= now;) {
        if (next->second > last) {
            ++next;
            continue;
        }
        const auto call = calls_.extract(next->second);
        times_.erase(next);
        call.mapped().function();
        next = times_.begin(); // it may have changed anything
    }
}

void DelayedCalls::close() {
    closed_ = true;
    times_.clear();
    const auto calls = std::exchange(calls_, {}); // their destructors may call this object
}

} // namespace aoetarget
