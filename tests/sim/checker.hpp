// Checks the promises that initiators got about one export.
//
// Every write has a value of its own, so the answers alone show for each sector whether one order of all
// writes and reads explains them (linearizability of a register; Gibbons and Korach). Each value has the
// moment by which it was certainly there (`seen`: its write was acknowledged) and the latest moment at which
// it was certainly still there or yet to come (`needed`: its write or a read that returned it began). One
// value has to come before another if it was seen before the other was needed last. Two values that each have
// to come before the other cannot be explained.
//
// A write that is not acknowledged may be made again and again, since its initiator repeats it. So what a
// read tells of such a write holds for that read alone: it is kept as a value of its own.
//
// A trim is a write: the simulated disk marks what it has discarded with the trim. Where a trim is advice
// only, its acknowledgement does not tell that any of its sectors has been discarded. So it counts as a write
// that is not acknowledged, but for one thing: it does not come after what began after its acknowledgement.
//
// A power cut begins a new history. It starts with one of the values that may have survived: none that has to
// come before a value which was promised to be stable.
#pragma once

#include "content.hpp"

#include <aoetarget/address.hpp>

#include <limits>
#include <span>
#include <string>
#include <vector>

namespace aoesim {

using aoetarget::SectorRange;

class Checker {
  public:
    /// Orders what initiators do and learn.
    using Moment = std::uint64_t;

    explicit Checker(std::uint64_t sectors) : sectors_(sectors) {}

    Moment now() { return ++moment_; }

    /// Whether the acknowledgement of a write means that it is stable.
    enum class Promise : std::uint8_t {
        none,
        cache_off, ///< Yes, unless the cache is switched on again by a power cut before.
        always,
    };

    /// Whether an acknowledged trim has discarded all its sectors.
    enum class Effect : std::uint8_t { certain, advice };

    WriteId write_begins(const SectorRange& range, Promise promise);
    /// The other functions treat it as a write.
    WriteId trim_begins(std::span<const SectorRange> ranges, Promise promise, Effect effect);
    void write_acknowledged(WriteId write);
    /// Whether all other writes of these sectors were over before this one began.
    [[nodiscard]] bool is_newest(const SectorRange& range, WriteId write) const;
    /// The same data is written once more to all of the sectors of a write that is_newest(), and nothing else
    /// is until that is acknowledged.
    void write_begins_again(WriteId write, Promise promise);
    /// `bytes`: of the whole range. `began`: when the read was first asked for.
    void read_returned(const SectorRange& range, Moment began, const std::uint8_t* bytes);
    /// What was acknowledged before the flush began is stable.
    void flush_acknowledged(Moment began) { stable_before_ = std::max(stable_before_, began); }
    void power_cut();
    /// The target has stopped in order, and its write cache is as at first.
    void restarted();

    /// Empty, or the first promise that was broken.
    [[nodiscard]] const std::string& violation() const { return violation_; }

  private:
    static constexpr Moment never = std::numeric_limits<Moment>::max();

    struct Write {
        SectorRange range; ///< From the first of its sectors to the last.
        Moment began = 0;
        Moment acknowledged = never;
        Promise promise = Promise::none;
        Effect effect = Effect::certain;
    };
    struct Value {
        WriteId write;
        Moment seen;
        Moment needed;
    };
    struct Sector {
        std::vector<Value> values{{0, 0, 0}};
        /// After a power cut: with one of these the sector has begun; which, the first read tells.
        std::vector<WriteId> survivors{};
    };

    WriteId begin(std::span<const SectorRange> ranges, Promise promise, Effect effect);
    void returned(std::uint64_t sector, WriteId write, Moment began, Moment ended);
    void check(std::uint64_t sector, const Value& value);
    void check_advice(std::uint64_t sector, WriteId trim, Moment began);
    [[nodiscard]] bool is_stable(const Write& write) const;
    void cut(Sector& sector) const;
    void fail(std::uint64_t sector, const std::string& what);

    Moment moment_ = 0;
    Moment stable_before_ = 0;
    Moment epoch_ = 0; ///< The last power cut. What survived it has been seen the moment before.
    std::vector<Write> writes_{{{}, 0, 0, Promise::always, Effect::certain}};
    std::vector<Sector> sectors_;
    std::string violation_;
};

} // namespace aoesim
