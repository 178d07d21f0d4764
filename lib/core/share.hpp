// One resource that exports share: how much of it there is, and how much of that is whose.
#pragma once

#include <algorithm>
#include <cstddef>

namespace aoetarget::core {

/// Counts units: slots, or requests. See Holdings for the rule.
class Share {
  public:
    /// The most that an export owns: a modest window.
    static constexpr std::size_t largest_quota = 32;

    [[nodiscard]] bool is_for(std::size_t units, std::size_t exports) const {
        return units_ == units && exports_ == exports;
    }
    /// There are so many units, and exports. What each export holds is to be counted by add() anew. The
    /// quotas are no more than half of all together; where there are many exports each is one, as long as a
    /// quarter, and at least one, is left beyond them: a change of a state may need it. Besides, each export
    /// owns a unit for the answer to a change of its state, as long as an eighth is left beyond all that.
    void reset(std::size_t units, std::size_t exports) {
        units_ = units;
        exports_ = exports;
        held_ = changes_ + borrowed_;
        const std::size_t most = units - std::min(units, std::max<std::size_t>(units / 4, 1));
        quota_ = exports == 0 ? 0 : std::clamp<std::size_t>(units / (2 * exports), 1, largest_quota);
        if (exports * quota_ > most)
            quota_ = 0;
        for_change_ = exports * (quota_ + 1) + std::max<std::size_t>(units / 8, 1) <= units ? 1 : 0;
        owned_ = for_change_ * changes_;
    }
    /// No export owns any.
    void reset_without_quotas(std::size_t units, std::size_t exports) {
        reset(units, exports);
        quota_ = for_change_ = owned_ = 0;
    }
    /// An export holds so many.
    void add(std::size_t units) {
        held_ += units;
        owned_ += std::min(units, quota_);
    }
    /// It has got one more, and now holds this many.
    void enter(std::size_t now) {
        ++held_;
        owned_ += now <= quota_ ? 1 : 0;
    }
    /// It is about to lose one of this many.
    void leave(std::size_t now) {
        --held_;
        owned_ -= now <= quota_ ? 1 : 0;
    }

    /// The same for a change of the state of an export that has no other under way.
    [[nodiscard]] bool may_change() const { return for_change_ > 0 || shared_left() > 0; }
    void begin_change() {
        ++changes_;
        ++held_;
        owned_ += for_change_;
    }
    void end_change() {
        --changes_;
        --held_;
        owned_ -= for_change_;
    }

    /// A unit of what is shared, for no export.
    void borrow() {
        ++borrowed_;
        ++held_;
    }
    void give_back() {
        --borrowed_;
        --held_;
    }

    [[nodiscard]] std::size_t units() const { return units_; }
    [[nodiscard]] std::size_t held() const { return held_; }
    [[nodiscard]] std::size_t quota() const { return quota_; }
    /// Of its quota, by an export that holds so many.
    [[nodiscard]] std::size_t own_left(std::size_t holds) const { return quota_ - std::min(quota_, holds); }
    /// Beyond all quotas, those included that are not used up.
    [[nodiscard]] std::size_t shared_left() const {
        const std::size_t claimed = held_ + (exports_ * (quota_ + for_change_) - owned_);
        return units_ - std::min(units_, claimed);
    }
    /// How many an export may have while no other has any.
    [[nodiscard]] std::size_t most_for_one() const {
        return quota_ + (units_ - exports_ * (quota_ + for_change_) + 1) / 2;
    }
    /// How many more an export may have that holds so many, if of what is shared it must leave `part` times
    /// as much as it takes.
    [[nodiscard]] std::size_t left(std::size_t holds, std::size_t part) const {
        const std::size_t own = own_left(holds);
        const std::size_t beyond = part * (holds - std::min(quota_, holds));
        const std::size_t shared = shared_left();
        return own + (beyond < shared ? (shared - beyond + part) / (part + 1) : 0);
    }

  private:
    std::size_t units_ = 0, exports_ = 0;
    std::size_t quota_ = 0;      ///< What each export owns,
    std::size_t for_change_ = 0; ///< and for a change of its state.
    std::size_t changes_ = 0;    ///< Under way.
    std::size_t borrowed_ = 0;
    std::size_t held_ = 0;
    std::size_t owned_ = 0; ///< Of those that are held, those that belong to the quotas of their exports.
};

} // namespace aoetarget::core
