// The settings that initiators make for an export: the config string, the mask list, the reservation. A
// change takes effect, and is answered, when it is on stable storage; only one is under way at a time.
#pragma once

#include <aoetarget/options.hpp>

#include "core/audience.hpp"
#include "core/export_face.hpp"

#include <variant>

namespace aoetarget::core {

class ExportState final : private StateSaver {
  public:
    /// The answer to the command that makes a change.
    using Answer = std::variant<protocol::ConfigCommand, protocol::MaskList, protocol::Reserve>;

    /// Learns when a change can be answered.
    class Answerer {
      public:
        /// With `error` none the change has taken effect; else it could not be saved.
        virtual void answer_change(FrameSlot slot, LinkId link, const Answer& answer,
                                   protocol::AoeError error) = 0;

      protected:
        ~Answerer() = default;
    };

    /// `options` has the list of allowed initiators, and tells whether these may change the state.
    ExportState(const ExportOptions& options, const ProtocolState& state, ExportFace& face,
                Answerer& answerer);

    /// Takes over these two options. `hides` tells that the export has left an interface. If that or the new
    /// list may shut a host out, changes of the data that have arrived by now and come later are dropped.
    void change(const ExportOptions& options, bool hides, Time now);

    [[nodiscard]] const ConfigString& config() const { return state_.config; }
    [[nodiscard]] const MacList& mask_list() const { return state_.mask_list; }
    [[nodiscard]] const MacList& reservation() const { return state_.reservation; }

    /// Returns the hosts that the operator and the mask list admit.
    [[nodiscard]] Audience audience() const {
        return open_to_all_ ? Audience::everybody() : Audience::of(allowed_, state_.mask_list);
    }
    /// Returns whether the reservation admits this source.
    [[nodiscard]] bool may_use(const MacAddress& source) const {
        return open_to_all_ || state_.reservation.permits(source);
    }
    /// Returns whether a change of the data arrived before the lists last changed, when other hosts may have
    /// been permitted.
    [[nodiscard]] bool is_past_fence(const FrameSlot& slot) const { return slot.arrival() < lists_changed_; }

    /// Returns whether the command in this slot may change the state now. It may not while another change is
    /// under way, nor if it arrived before the last command that set a part of the state, which it must not
    /// undo. Then this counts the command, which is to be dropped; the initiator repeats it.
    [[nodiscard]] bool may_change(const FrameSlot& slot);
    [[nodiscard]] bool is_changing() const { return static_cast<bool>(change_.slot); }
    /// Returns a copy of the state, which the command changes before commit().
    ProtocolState& begin_change(const FrameSlot& slot);
    /// Saves the change and then answers. It answers at once if there is no state directory, if nothing has
    /// changed, and if the state is fixed and would change, which is refused.
    void commit(FrameSlot slot, LinkId link, const Answer& answer);

  private:
    /// A command that has changed the state, and whose answer waits until that is saved.
    struct Change {
        FrameSlot slot; ///< Empty if no change is under way.
        LinkId link = 0;
        Answer answer;
        ProtocolState state; ///< The state that takes effect when it is saved.
    };

    void saved(int error) override;
    void apply(FrameSlot slot);
    void refuse(FrameSlot slot, LinkId link, Answer answer);
    [[nodiscard]] bool is_open_to_all() const;

    // The members that each request needs come first: with many exports, little of each is in the processor's
    // cache.
    bool open_to_all_ = false;         ///< True if no list restricts anybody.
    Time lists_changed_ = Time::min(); ///< Arrival of the last command that changed a list, or its time.
    Time state_changed_ = Time::min(); ///< Arrival of the last command that set the state, even to the same.
    ExportFace& face_;
    Answerer& answerer_;
    std::vector<MacPattern> allowed_; ///< The operator's list.
    bool fixed_;                      ///< True if initiators cannot change the state.
    ProtocolState state_;
    Change change_;
    bool save_failed_ = false; ///< The old or the new state may be on the disk.
};

} // namespace aoetarget::core
