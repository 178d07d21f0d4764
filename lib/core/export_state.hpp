// What initiators have set of an export: the config string, the mask list, the reservation. A change holds,
// and is answered, when it is on stable storage; there is one at a time.
#pragma once

#include "core/audience.hpp"
#include "core/export_face.hpp"

#include <variant>

namespace aoetarget::core {

class ExportState final : private StateSaver {
  public:
    /// To the command that makes a change.
    using Answer = std::variant<protocol::ConfigCommand, protocol::MaskList, protocol::Reserve>;

    /// Told when a change can be answered.
    class Answerer {
      public:
        /// `error`: none, and the change holds, or it could not be saved.
        virtual void answer_change(FrameSlot slot, LinkId link, const Answer& answer,
                                   protocol::AoeError error) = 0;

      protected:
        ~Answerer() = default;
    };

    ExportState(const ProtocolState& state, ExportFace& face, Answerer& answerer);

    [[nodiscard]] const ConfigString& config() const { return state_.config; }
    [[nodiscard]] const MacList& mask_list() const { return state_.mask_list; }
    [[nodiscard]] const MacList& reservation() const { return state_.reservation; }

    /// By the mask list.
    [[nodiscard]] Audience audience() const {
        return open_to_all_ ? Audience::everybody() : Audience::of(state_.mask_list);
    }
    /// By the reservation.
    [[nodiscard]] bool may_use(const MacAddress& source) const {
        return open_to_all_ || state_.reservation.permits(source);
    }
    /// Whether a change of the data arrived when other hosts may have been permitted than now.
    [[nodiscard]] bool is_past_fence(const FrameSlot& slot) const { return slot.arrival() < lists_changed_; }

    /// Whether the command in this slot may change something now. Not while another change is under way, and
    /// not if it arrived before the last command that set a part of the state, which it must not undo. Then
    /// it is dropped, and the initiator repeats it.
    [[nodiscard]] bool may_change(const FrameSlot& slot) const {
        return !is_changing() && slot.arrival() >= state_changed_;
    }
    [[nodiscard]] bool is_changing() const { return static_cast<bool>(change_.slot); }
    /// A copy of the state to be changed as the command asks, for commit().
    ProtocolState& begin_change(const FrameSlot& slot);
    /// At once where nothing is kept or nothing has changed.
    void commit(FrameSlot slot, LinkId link, const Answer& answer);

  private:
    /// The command that has changed the state, and whose answer waits until that is saved.
    struct Change {
        FrameSlot slot; ///< Empty: no change is under way.
        LinkId link = 0;
        Answer answer;
        ProtocolState state; ///< What holds from when it is saved.
    };

    void saved(int error) override;
    void apply(FrameSlot slot);

    // What each request needs comes first: where there are many exports, little of each is in the processor's
    // cache.
    bool open_to_all_;                 ///< Neither of the lists in the state has an entry.
    Time lists_changed_ = Time::min(); ///< When that arrived which last changed who is permitted.
    Time state_changed_ = Time::min(); ///< When the frame arrived that last set it, to what it was or not.
    ExportFace& face_;
    Answerer& answerer_;
    ProtocolState state_;
    Change change_;
    bool save_failed_ = false; ///< Either state may be on the disk, the old or the new one.
};

} // namespace aoetarget::core
