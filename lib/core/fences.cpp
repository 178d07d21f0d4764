// Answers that wait for changes of excluded sources.
#include "core/fences.hpp"

#include "core/mutation.hpp"

namespace aoetarget::core {

using namespace protocol;

bool Fences::has_room() {
    if (count_ < max_fences)
        return true;
    ++face_.counters.dropped;
    return false;
}

void Fences::send(FrameSlot slot, LinkId link, std::size_t bytes) {
    const std::uint64_t now = scheduler_.order().next_sequence();
    if (!is_fencing(now) || mutated(Mutation::fence_too_early)) {
        face_.send(std::move(slot), link, AoeError::none, bytes);
        return;
    }
    Sender* holder =
        has_room() ? scheduler_.admission().hold(slot, Header::parse(slot.frame())->source) : nullptr;
    if (holder == nullptr)
        return; // the initiator repeats the command, and the change is already made
    fences_[count_++] = {std::move(slot), link, bytes, now, holder};
}

bool Fences::is_fencing(std::uint64_t sequence) const {
    return scheduler_.order().has_change_before(sequence, [&](const MacAddress& source) {
        return !state_.audience().includes(source) || !state_.may_use(source);
    });
}

void Fences::send_released() {
    while (count_ > 0) {
        Fence& oldest = fences_[0];
        if (is_fencing(oldest.before))
            return;
        scheduler_.admission().let_go(oldest.holder);
        face_.send(std::move(oldest.slot), oldest.link, AoeError::none, oldest.bytes);
        std::move(fences_.begin() + 1, fences_.begin() + static_cast<std::ptrdiff_t>(count_),
                  fences_.begin());
        --count_;
    }
}

} // namespace aoetarget::core
