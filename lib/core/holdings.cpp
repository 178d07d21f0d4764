#include "core/holdings.hpp"

#include "core/mutation.hpp"

namespace aoetarget::core {
namespace {

std::size_t quota_for(std::size_t usable, std::size_t exports) {
    if (exports == 0)
        return 0;
    const std::size_t each = std::min(usable / (2 * exports), Holdings::largest_quota);
    const bool has_one_for_each = exports <= usable - usable / 4;
    return each > 0 ? each : has_one_for_each ? 1 : 0;
}

bool crowds(const Sender* one, std::size_t left) {
    return one != nullptr && one->held > 3 * left;
}

} // namespace

void Holdings::set_exports(std::size_t exports) {
    exports_ = exports;
    begun_.reserve(exports);
}

void Holdings::begin_turn(Time now) {
    now_ = now;
    for (Account* account : begun_) {
        account->progress = now;
        account->has_begun = false;
    }
    begun_.clear();
}

bool Holdings::has_company(const FrameSlot& slot, const MacAddress& source) {
    constexpr Time lately = std::chrono::seconds(1);
    FramePool::Use& use = slot.pool().use();
    if (use.newest_sender != source) {
        // The first sender of all is alone, too.
        if (use.newest_sender != MacAddress{})
            use.newest_change = std::max(use.newest_change, slot.arrival());
        use.newest_sender = source;
    }
    return slot.arrival() - lately < use.newest_change;
}

/// The quotas are others where the number of exports is, or that of the slots.
void Holdings::refresh(FramePool& pool) const {
    FramePool::Use& use = pool.use();
    const std::size_t usable = mutated(Mutation::lent_is_free) ? pool.slots() : pool.usable();
    if (use.exports == exports_ && use.usable == usable)
        return;
    use.exports = exports_;
    use.usable = usable;
    use.quota = mutated(Mutation::no_quotas) ? 0 : quota_for(usable, exports_);
    use.owned = 0;
    senders_.for_each_export(pool, [&](const Sender& all) { use.owned += std::min(all.held, use.quota); });
}

/// How much more an export may have of what is shared, and of which so much is left.
std::size_t Holdings::sharable(const Account& account, std::size_t has, std::size_t left) const {
    const std::size_t part = account.is_proven ? 1 : 4;
    if (hangs(account) || part * has >= left)
        return 0;
    return (left - part * has + part) / (part + 1); // and then it has that part of what is left
}

Holdings::Verdict Holdings::may_enter(const Asker& asker, const Sender* found, bool in_company) const {
    refresh(asker.pool);
    const FramePool::Use& use = asker.pool.use();
    const Sender* all = found != nullptr ? found->all : senders_.find(everybody, asker.pool, &asker.account);
    const std::size_t held = all != nullptr ? all->held : 0;

    const std::size_t own_left = use.quota - std::min(use.quota, held);
    const std::size_t claimed = use.slots + (use.exports * use.quota - use.owned);
    const std::size_t shared_left = use.usable - std::min(use.usable, claimed);
    const std::size_t left =
        mutated(Mutation::no_quotas)
            ? use.usable / 2 - std::min(use.usable / 2, held)
            : own_left + sharable(asker.account, held - (use.quota - own_left), shared_left);
    if (left == 0 || !senders_.has_room())
        return Verdict::export_is_full;
    if (mutated(Mutation::let_crowd))
        return Verdict::admitted;
    if (found != nullptr && found->held >= buffer_count_)
        return Verdict::sender_is_full;
    if (!in_company)
        return Verdict::admitted;
    if (crowds(found, left))
        return Verdict::sender_is_full;
    if (own_left > 0) // which is missed by no other export
        return Verdict::admitted;
    const Sender* whole = found != nullptr ? found->whole : senders_.find(asker.source, asker.pool, nullptr);
    return crowds(whole, shared_left) ? Verdict::sender_is_full : Verdict::admitted;
}

Sender* Holdings::enter(const Asker& asker, Sender* found) {
    refresh(asker.pool);
    FramePool::Use& use = asker.pool.use();
    Sender* sender = senders_.enter(found, asker.source, asker.pool, &asker.account);
    ++use.slots;
    use.owned += sender->all->held <= use.quota ? 1 : 0;
    if (asker.account.slots++ == 0 && !std::exchange(asker.account.has_begun, true))
        begun_.push_back(&asker.account);
    return sender;
}

void Holdings::leave(Sender* sender, Account& account) {
    refresh(*sender->pool);
    FramePool::Use& use = sender->pool->use();
    --use.slots;
    use.owned -= sender->all->held <= use.quota ? 1 : 0;
    senders_.leave(sender);
    --account.slots;
}

std::size_t Holdings::workers_for(std::size_t slots, std::size_t exports) {
    constexpr std::size_t by_default = 8; // of Linux, with two processors
    return mutated(Mutation::few_workers) ? by_default : slots + 2 * exports;
}

} // namespace aoetarget::core
