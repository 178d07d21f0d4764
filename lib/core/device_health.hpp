// Decides whether an error of an export's device is answered, or stays unanswered for a while so that
// initiators repeat the request, and reports the state of the device to people.
//
// Trouble begins with a failure. It ends when the device carries out a request for the same sectors, or, if
// nothing has failed for a while, any request of that kind. Other successes do not end it: a disk with one
// bad sector carries out most requests, but an initiator that reads that sector must get its answer in time.
// A device that hangs is in order again when it has ended all that was given up.
#pragma once

#include "core/backing.hpp"
#include "core/export_face.hpp"
#include "core/request.hpp"

#include <aoetarget/options.hpp>

namespace aoetarget::core {

class DeviceHealth {
  public:
    DeviceHealth(const ExportOptions& options, const Backing& backing, const ExportFace& face)
        : backing_(backing), face_(face), state_since_(face.context.resources.now) {
        change(options);
    }

    /// Takes over the timeout and the silence, which count from the first failure also if that was before.
    void change(const ExportOptions& options) {
        timeout_ = options.device_timeout;
        silence_ = options.silence_on_error.value_or(std::chrono::milliseconds(0));
        silence_without_space_ = options.silence_on_error.value_or(usual_silence_without_space);
    }

    /// The device has failed to carry out a request. Returns whether the error is to be answered.
    [[nodiscard]] bool answers_failure(const Request& request, int error, Time now);
    /// The device has carried out a request.
    void succeeded(const Request& request, Time now) {
        if (in_trouble_)
            look_for_recovery(request, now);
    }
    /// The device has not finished a request in time, so it was given up.
    void timed_out(const Request& request);
    /// A request that was given up has ended.
    void ended_late(const Request& request, int error, Time now);
    /// Returns how many requests that were given up have not ended yet.
    [[nodiscard]] std::size_t hanging() const { return hanging_; }
    /// The flush before the end of the device has failed.
    void end_unflushed(int error);
    /// Another device has taken over.
    void device_changed();
    /// Another target answers for the address with another disk, or does so no more.
    void set_conflict(bool has_conflict) {
        has_conflict_ = has_conflict;
        note_state();
    }

    [[nodiscard]] ExportStats::State state() const { return state_; }
    /// Returns when it became the present state.
    [[nodiscard]] Time state_since() const { return state_since_; }

  private:
    static constexpr std::chrono::milliseconds usual_silence_without_space = std::chrono::seconds(60);

    struct Trouble {
        bool is_there = false;
        bool of_changes = false; ///< Only changes failed, so reads that succeed do not end it.
        bool is_gone = false;    ///< The device said that it is not there.
        bool is_answered = false;
        bool told = false, told_vanished = false;
        SectorRange range; ///< The sectors of the first request that failed.
        Time since{}, latest{};
        Time last_told =
            Time::min() / 2; ///< It outlives the trouble: what comes and goes is not told each time.

        void note(const Request& request, Time now);
        [[nodiscard]] bool ends_with(const Request& request, Time now) const;
    };

    void look_for_recovery(const Request& request, Time now);
    void tell_failure(Trouble& trouble, const Request& request, int error, bool answered, Time silence);
    void tell_refusal(int error);
    [[nodiscard]] ExportStats::State present_state() const;
    void note_state();

    bool in_trouble_ = false; ///< True if there is trouble of either kind.
    const Backing& backing_;
    const ExportFace& face_;
    Time timeout_{};
    Time silence_{}, silence_without_space_{};
    Trouble fault_, no_space_;
    bool told_refusal_ = false; ///< It was told that the device refuses writes.
    std::size_t hanging_ = 0;
    bool told_timeout_ = false; ///< Since the last time that there was none.
    bool works_again_ = false;  ///< One of them was carried out.
    bool has_conflict_ = false;
    ExportStats::State state_ = ExportStats::State::ok;
    Time state_since_;
};

} // namespace aoetarget::core
