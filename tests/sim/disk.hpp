// A disk that takes time, fails, loses power, and checks that the core keeps its promises to a device.
// Discarded sectors do not read as zeros, but tell which trim discarded them.
#pragma once

#include "content.hpp"
#include "faults.hpp"
#include "random.hpp"
#include "schedule.hpp"
#include "workers.hpp"

#include <aoetarget/block_device.hpp>

#include <memory>
#include <string>

namespace aoesim {

class Disk {
  public:
    /// Which operations block, so that each needs a worker of the kernel's until it ends.
    enum class Blocking : std::uint8_t {
        none,
        changes_of_state, ///< Flushes, durable writes and discards, as with most file systems.
        all,              ///< As on file systems that know no other way.
    };
    struct Setting {
        aoetarget::Geometry geometry;
        Blocking blocking = Blocking::none;
        double immediate = 0; ///< Completes from within submit().
        double slow = 0;
        double errors = 0;
        double busy = 0;
        double full = 0;
        double kept = 0; ///< Of a trim, where discarded sectors need not read as zeros.
        Time usual = microseconds(100), slowest = milliseconds(300);
    };
    /// Who is told what.
    class Observer {
      public:
        /// The device may have completed something: the target's loop has to turn.
        virtual void disk_completed() = 0;
        /// Sectors are about to be changed. `bytes`: of all of them.
        virtual void landing(const Disk& disk, const aoetarget::SectorRange& range,
                             const std::uint8_t* bytes) = 0;

      protected:
        ~Observer() = default;
    };

    Disk(const Setting& setting, Schedule& schedule, Random random, FaultCounts& faults, Observer& observer,
         Workers& workers);

    /// What a target owns of it. One at a time may be used; the next may have other blocks and alignments.
    std::unique_ptr<aoetarget::BlockDevice> device(const aoetarget::Geometry& geometry);

    void submit(aoetarget::Io& io, const aoetarget::Geometry& geometry);
    /// Everything that is not stable is lost, as far as chance will have it. What was under way is never
    /// completed; the target must still be there, and go then.
    void cut_power();
    /// Whether nothing would be lost in a power cut.
    [[nodiscard]] bool is_stable() const { return data_ == stable_; }
    /// From now on all operations fail, or none does.
    void vanish(bool vanished) { vanished_ = vanished; }
    /// From now on nothing ends; thaw(): from now on everything does, and what should have ended soon does.
    void hang();
    void thaw();
    [[nodiscard]] bool hangs() const { return hangs_; }
    /// No fault of its own any more.
    void heal();

    /// As its last device had it, with its present size.
    [[nodiscard]] aoetarget::Geometry geometry() const {
        aoetarget::Geometry geometry = setting_.geometry;
        geometry.sectors = sectors();
        return geometry;
    }
    [[nodiscard]] std::uint64_t sectors() const { return data_.size() / 512; }
    /// It has so many more sectors from now on, which nobody has written.
    void grow(std::uint64_t more) {
        data_.resize(data_.size() + more * 512);
        stable_.resize(data_.size());
    }
    [[nodiscard]] const std::uint8_t* sector(std::uint64_t number) const { return &data_[number * 512]; }
    /// Empty, or what the core did that it must not.
    [[nodiscard]] const std::string& violation() const { return violation_; }

  private:
    struct Pending {
        aoetarget::Io* io;
        std::uint64_t number;
        bool in_worker;
    };

    [[nodiscard]] bool blocks(const aoetarget::Io& io) const;
    void begin(std::uint64_t number);
    void finish(std::uint64_t number);
    int error_for(const aoetarget::Io& io);
    void carry_out(const aoetarget::Io& io, bool only_parts);
    void store(const aoetarget::Io& io, const std::vector<std::uint8_t>& bytes, bool only_parts);
    void check(const aoetarget::Io& io);
    [[nodiscard]] static WriteId trim_of(const aoetarget::Io& io);
    [[nodiscard]] Time latency();

    Setting setting_;
    Schedule& schedule_;
    Random random_;
    FaultCounts& faults_;
    Observer& observer_;
    Workers& workers_;
    std::vector<std::uint8_t> data_;   ///< What a read returns.
    std::vector<std::uint8_t> stable_; ///< What a power cut leaves at least.
    std::vector<Pending> pending_;
    std::uint64_t next_number_ = 0;
    std::vector<std::uint64_t> held_; ///< Would have ended if the disk did not hang, in this order.
    bool vanished_ = false, hangs_ = false;
    std::string violation_;
};

} // namespace aoesim
