#include "state_changes.hpp"

#include "check.hpp"

#include <string>

namespace aoetest::power_cut {

/// Both lists always hold the client too, so that it is never the one they keep out.
Request StateChanges::next_change() {
    ++version_;
    part_ = version_ % state_parts;
    const Version before = record_[part_].sent;
    record_[part_].sent = version_;
    switch (static_cast<StatePart>(part_)) {
    case StatePart::config:
        return config_request(ccmd_force, std::to_string(version_));
    case StatePart::mask:
        return mask_request(mask_edit, {{directive_add, client_.mac()},
                                        {directive_delete, listed_mac(before)},
                                        {directive_add, listed_mac(version_)}});
    case StatePart::reserve:
        break;
    }
    return reserve_request(reserve_force, {client_.mac(), listed_mac(version_)});
}

void StateChanges::go_on(Milliseconds repeat_after) {
    take_answer();
    if (under_way_ && Clock::now() - sent_at_ < repeat_after)
        return;
    if (!under_way_)
        under_way_ = client_.completed(next_change().to(1, slot_));
    client_.send(*under_way_);
    sent_at_ = Clock::now();
}

void StateChanges::take_answer() {
    if (!under_way_)
        return;
    const std::optional<Reply> reply = client_.wait_for(*under_way_->tag, Milliseconds(0));
    if (!reply)
        return;
    if (reply->is_error())
        report_failure("a change of the state was refused: " + hex_dump(reply->bytes));
    else
        record_[part_].acknowledged = version_;
    under_way_.reset();
}

} // namespace aoetest::power_cut
