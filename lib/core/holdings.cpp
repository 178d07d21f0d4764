// Decides whether an export or a sender may have more, and finds devices that have stalled.
#include "core/holdings.hpp"

#include "core/mutation.hpp"

namespace aoetarget::core {
namespace {

bool has_quotas() {
    return !mutated(Mutation::no_quotas) && !mutated(Mutation::lent_is_free) &&
           !mutated(Mutation::wildcards_may_wait);
}

/// Returns whether its device has had something to do, and has ended nothing, for more than `longer_than`.
bool has_waited(const Account& account, Time now, Time longer_than) {
    return account.operations > 0 && now - account.progress > longer_than;
}

} // namespace

void Holdings::add_export(Account& account) {
    accounts_.push_back(&account);
}

void Holdings::remove_export(const Account& account) {
    std::erase(accounts_, &account);
}

void Holdings::begin_turn(Time now) {
    now_ = now;
    if (next_look_ && *next_look_ <= now)
        look_for_stalls();
}

void Holdings::operation_begins(Account& account) {
    if (account.operations++ == 0)
        account.progress = now_;
    look_later();
}

void Holdings::operation_ended(Account& account) {
    --account.operations;
    account.progress = now_;
    account.is_proven = true;
    if (held_workers_ > 0)
        look_later();
}

void Holdings::look_later() {
    constexpr Time interval = std::chrono::milliseconds(20);
    if (!next_look_)
        next_look_ = now_ + interval;
}

/// Looks as long as an operation is under way that may yet stall. An export that stalls is looked at again
/// when any of its operations ends.
void Holdings::look_for_stalls() {
    next_look_.reset();
    held_workers_ = 0;
    const auto look_at = [&](std::size_t under_way, Time progress) {
        if (under_way == 0)
            return;
        if (now_ - progress <= stall)
            look_later();
        else if (!mutated(Mutation::few_workers))
            held_workers_ += under_way;
    };
    look_at(changes_, change_progress_);
    for (const Account* account : accounts_)
        look_at(account->operations, account->progress);
    if (held_workers_ > 0 || has_stuck_)
        find_stuck();
}

/// Slots that stalling devices keep do not count against their senders at other exports.
void Holdings::find_stuck() {
    has_stuck_ = false;
    senders_.for_each([](Sender& sender) { sender.stuck = 0; });
    senders_.for_each([&](Sender& sender) {
        if (sender.whole == nullptr)
            return;
        if (!has_waited(*sender.exported, now_, stall))
            return;
        sender.whole->stuck += sender.held;
        has_stuck_ = true;
    });
}

bool Holdings::has_company(const FrameSlot& slot, const MacAddress& source) {
    constexpr Time lately = std::chrono::seconds(1);
    FramePool::Use& use = slot.pool().use();
    if (use.newest_sender != source) {
        // The first sender counts as alone, too.
        if (use.newest_sender != MacAddress{})
            use.newest_change = std::max(use.newest_change, slot.arrival());
        use.newest_sender = source;
    }
    return slot.arrival() - lately < use.newest_change;
}

/// The quotas depend on the number of exports and of slots. Until the next export asks, slots that are given
/// back count by the old quotas.
void Holdings::refresh(FramePool& pool) {
    Share& slots = pool.use().slots;
    const std::size_t usable = mutated(Mutation::lent_is_free) ? pool.slots() : pool.usable();
    if (slots.is_for(usable, exports()))
        return;
    has_quotas() ? slots.reset(usable, exports()) : slots.reset_without_quotas(usable, exports());
    senders_.for_each([&](const Sender& sender) {
        if (sender.pool == &pool && sender.source == everybody)
            slots.add(sender.held);
    });
}

void Holdings::refresh_requests() {
    if (requests_.is_for(requests_max_, exports()))
        return;
    requests_.reset(requests_max_, exports());
    for (const Account* account : accounts_)
        requests_.add(account->slots);
}

/// Returns how many more slots an export may hold that has `held` of this pool.
std::size_t Holdings::room_for(const Account& account, const Share& slots, std::size_t held) const {
    if (!has_quotas())
        return slots.units() / 2 - std::min(slots.units() / 2, held);
    if (has_waited(account, now_, patience) && exports() > 1) // a single export has no others to spare
        return std::min(slots.own_left(held), requests_.own_left(account.slots));
    const std::size_t part = account.is_proven ? 1 : 4;
    return std::min(slots.left(held, part), requests_.left(account.slots, 0));
}

Holdings::Verdict Holdings::may_enter(const Asker& asker, const Sender* found, bool in_company) {
    refresh(asker.pool);
    refresh_requests();
    const Account& account = asker.account;
    const Share& slots = asker.pool.use().slots;
    const Sender* all = found != nullptr ? found->all : senders_.find(everybody, asker.pool, &account);
    const std::size_t held = all != nullptr ? all->held : 0;
    const bool owns_one = slots.own_left(held) > 0 && requests_.own_left(account.slots) > 0;
    const std::size_t left = owns_one && !in_company ? 1 : room_for(account, slots, held);
    if (left == 0)
        return Verdict::export_is_full;
    if (mutated(Mutation::let_crowd))
        return Verdict::admitted;
    if (found != nullptr && found->held >= buffer_count(asker.pool))
        return Verdict::sender_is_full;
    if (!in_company)
        return Verdict::admitted;
    if (found != nullptr && found->held > 3 * left)
        return Verdict::sender_is_full;
    if (slots.own_left(held) > 0) // its own part, which no other export needs
        return Verdict::admitted;
    const Sender* whole = found != nullptr ? found->whole : senders_.find(asker.source, asker.pool, nullptr);
    if (whole == nullptr || whole->held - std::min(whole->held, whole->stuck) <= 3 * slots.shared_left())
        return Verdict::admitted;
    return Verdict::sender_is_full;
}

Sender* Holdings::enter(const Asker& asker, Sender* found) {
    Account& account = asker.account;
    Sender* sender = senders_.enter(found, asker.source, asker.pool, &account);
    asker.pool.use().slots.enter(sender->all->held);
    requests_.enter(++account.slots);
    return sender;
}

void Holdings::leave(Sender* sender, Account& account) {
    sender->pool->use().slots.leave(sender->all->held);
    requests_.leave(account.slots);
    senders_.leave(sender);
    --account.slots;
}

bool Holdings::begin_change(FramePool& pool) {
    refresh(pool);
    Share& slots = pool.use().slots;
    if (!slots.may_change())
        return false;
    slots.begin_change();
    if (changes_++ == 0)
        change_progress_ = now_;
    look_later();
    return true;
}

bool Holdings::begin_wait(FramePool& pool) {
    refresh(pool);
    Share& slots = pool.use().slots;
    if (slots.shared_left() == 0 && !mutated(Mutation::wildcards_may_wait))
        return false;
    slots.borrow();
    return true;
}

void Holdings::end_change(FramePool& pool) {
    pool.use().slots.end_change();
    --changes_;
    change_progress_ = now_;
    if (held_workers_ > 0)
        look_later();
}

} // namespace aoetarget::core
