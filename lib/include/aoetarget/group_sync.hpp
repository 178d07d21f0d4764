// One flush for many writes: a part for devices whose medium loses completed writes in a power cut until it
// has been flushed.
#pragma once

#include <aoetarget/block_device.hpp>

#pragma GCC visibility push(default)
namespace aoetarget {

/// Holds operations back until a flush that began after them has ended. One flush at a time is under way, and
/// what is carried out meanwhile shares the next one; so at depth 32 a device flushes for some 16 writes at
/// once. The device starts the flushes:
///
///     on a write that has been carried out and has to be stable, or an Io::Op::flush:
///         sync.add(io); flush_call = host.call_at_turn_end([this] { begin_flush(); }); (unless it is to
///         come)
///     begin_flush():             if (sync.begin()) { start a flush of the medium }
///     when that flush has ended: sync.end(error); if (sync.is_waiting()) { call begin_flush() once more }
///     in its destructor:         host.cancel_call(flush_call);
///
/// It uses the first word of Io::device_data from add() on. It must be used on one thread.
class GroupSync {
  public:
    GroupSync() = default;
    /// No operation may be left.
    ~GroupSync();
    GroupSync(const GroupSync&) = delete;
    GroupSync& operator=(const GroupSync&) = delete;

    /// Holds the operation back, or completes it at once with error() if that is not 0.
    void add(Io& io);
    /// Returns whether the device has to flush now: no flush is under way, and an operation waits. Those that
    /// wait now are covered by this flush.
    bool begin();
    /// Takes note that the flush has ended, with a positive errno value or 0, and completes the operations
    /// that it covers. `attempted` tells whether the medium may have tried: then an error becomes error().
    void end(int error, bool attempted = true);
    [[nodiscard]] bool is_waiting() const { return !waiting_.empty(); }

    /// Returns the error of a flush that has failed, or 0. A medium may forget after one error what it has
    /// not stored (Linux does so with pages of a file), so a later flush would succeed and lie. Therefore the
    /// device has to refuse writes from then on, with this error, and to return true from refuses_writes().
    [[nodiscard]] int error() const { return error_; }

  private:
    /// First in, first out, linked through the operations themselves.
    class List {
      public:
        [[nodiscard]] bool empty() const { return first_ == nullptr; }
        void push(Io& io);
        void complete_all(int error);

      private:
        Io* first_ = nullptr;
        Io* last_ = nullptr;
    };

    List waiting_; ///< The next flush covers them.
    List covered_; ///< By the flush that is under way; empty if none is.
    int error_ = 0;
};

} // namespace aoetarget
#pragma GCC visibility pop
