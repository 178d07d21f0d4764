// Counts one resource that exports share, and the parts of it that each owns and holds.
#pragma once

#include <algorithm>
#include <cstddef>

namespace aoetarget::core {

/// Counts units (slots, or requests). See Holdings for the rule.
class Share {
  public:
    /// The most units that an export owns: a modest window.
    static constexpr std::size_t largest_quota = 32;

    [[nodiscard]] bool is_for(std::size_t units, std::size_t exports) const {
        return units_ == units && exports_ == exports;
    }
    /// Sets the number of units and of exports. After that, add() must count anew the units that each export
    /// holds. The quotas are no more than half of all units together. With many exports each quota is one
    /// unit, as long as a quarter of all, and at least one, is left beyond them, because a change of a state
    /// may need it. Besides, each export owns a unit for the answer to a change of its state, as long as an
    /// eighth is left beyond all that.
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
    /// Makes all units shared.
    void reset_without_quotas(std::size_t units, std::size_t exports) {
        reset(units, exports);
        quota_ = for_change_ = owned_ = 0;
    }
    /// Counts the units that an export holds.
    void add(std::size_t units) {
        held_ += units;
        owned_ += std::min(units, quota_);
    }
    /// Counts one more unit of an export that now holds this many.
    void enter(std::size_t now) {
        ++held_;
        owned_ += now <= quota_ ? 1 : 0;
    }
    /// Counts one unit less of an export that still holds this many.
    void leave(std::size_t now) {
        --held_;
        owned_ -= now <= quota_ ? 1 : 0;
    }

    /// These do the same for a change of the state of an export that has no other under way.
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

    /// Takes a shared unit for no export.
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
    /// Returns how much is left of the quota of an export that holds this many.
    [[nodiscard]] std::size_t own_left(std::size_t holds) const { return quota_ - std::min(quota_, holds); }
    /// Returns how many free units are left besides the unused parts of all quotas.
    [[nodiscard]] std::size_t shared_left() const {
        const std::size_t claimed = held_ + (exports_ * (quota_ + for_change_) - owned_);
        return units_ - std::min(units_, claimed);
    }
    /// Returns how many units an export may have while no other has any.
    [[nodiscard]] std::size_t most_for_one() const {
        return quota_ + (units_ - exports_ * (quota_ + for_change_) + 1) / 2;
    }
    /// Returns how many more units an export may have that holds this many, if it must leave `part` times as
    /// many of the shared units as it takes.
    [[nodiscard]] std::size_t left(std::size_t holds, std::size_t part) const {
        const std::size_t own = own_left(holds);
        const std::size_t beyond = part * (holds - std::min(quota_, holds));
        const std::size_t shared = shared_left();
        return own + (beyond < shared ? (shared - beyond + part) / (part + 1) : 0);
    }

  private:
    std::size_t units_ = 0, exports_ = 0;
    std::size_t quota_ = 0;      ///< The units that each export owns,
    std::size_t for_change_ = 0; ///< and for a change of its state.
    std::size_t changes_ = 0;    ///< Changes under way.
    std::size_t borrowed_ = 0;
    std::size_t held_ = 0;
    std::size_t owned_ = 0; ///< Held units that belong to the quotas of their exports.
};

} // namespace aoetarget::core
