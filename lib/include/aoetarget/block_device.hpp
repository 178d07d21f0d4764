// The seam between the target and what it exports. A daemon that serves volumes of its own derives from
// BlockDevice; `open_file()` in file_device.hpp is the library's own implementation for files and disks.
#pragma once

#include <aoetarget/address.hpp>

#include <array>
#include <cstdint>
#include <span>
#include <string>

#include <sys/uio.h>

#pragma GCC visibility push(default)
namespace aoetarget {

/// What a device is, fixed from the moment it is added to a target until it is destroyed.
struct Geometry {
    /// Capacity in sectors of 512 bytes, at least 1, at most 2^48 - 1.
    std::uint64_t sectors = 0;
    /// Smallest unit of I/O in bytes: a power of two from 512 to 65536. The target never submits an Io that
    /// is not made of whole logical blocks: it reads, patches and writes where a request is not. `sectors`
    /// must be a multiple of it.
    std::uint32_t logical_block_bytes = 512;
    /// The unit that the medium prefers, for IDENTIFY: a power of two, at least `logical_block_bytes`.
    std::uint32_t physical_block_bytes = 512;
    /// How many sectors before sector 0 the physical block begins in which sector 0 lies.
    std::uint32_t physical_offset_sectors = 0;
    /// Alignment that the buffers of an Io must have, in bytes: a power of two up to 4096.
    std::uint32_t memory_alignment = 1;
    /// Writes and discards are refused before they reach the device.
    bool read_only = false;
    /// True: a completed write may be lost in a power cut until a flush has completed, unless `Io::durable`
    /// was set. False: a completed write is on stable storage.
    bool volatile_cache = false;
    /// The device takes Io::Op::discard.
    bool discard = false;
    /// Discarded sectors read as zeros. Only meaningful with `discard`.
    bool discard_zeroes = false;
    /// Reads may be made before they are asked for, and what they return be used for up to 100 ms: nobody but
    /// the target changes what the device holds, and reading is not free of cost.
    bool read_ahead = false;
    /// As IDENTIFY word 217 has it: 0 unknown, 1 non-rotating, else revolutions per minute (0x401 to 0xFFFE).
    std::uint16_t rotation_rate = 0;
};

class Io;

/// Implemented by the target; a device never sees it.
class IoOwner {
  public:
    virtual void completed(Io& io) noexcept = 0;
    virtual void completed_from_any_thread(Io& io) noexcept = 0;

  protected:
    ~IoOwner() = default;
};

/// One operation of a device. The target owns the object and everything it points to; both stay valid and
/// unchanged from `BlockDevice::submit()` until the device completes it, exactly once.
class Io {
  public:
    enum class Op : std::uint8_t { read, write, flush, discard };

    Op op = Op::read;
    /// Write or discard: complete only when the change is on stable storage, whatever the device's own mode
    /// is.
    bool durable = false;
    /// The sectors; whole logical blocks. Empty for a flush.
    SectorRange range;
    /// Read: where the data goes. Write: where it comes from. Together as long as `range`; empty for flush
    /// and discard. The device may change the entries (to continue after a short transfer, say).
    std::span<iovec> buffers;
    /// Free for the device's own use between submit and completion.
    std::array<std::uint64_t, 2> device_data{};

    /// Ends the operation: 0 for success, else a positive errno value that is mapped to an ATA outcome
    /// (EIO on a read: uncorrectable; EAGAIN and ENOMEM: no answer, the initiator repeats; ENODATA: beyond
    /// the end). To be called on the target's thread, from within submit() or later.
    void complete(int error = 0) noexcept {
        error_ = error;
        owner_->completed(*this);
    }
    /// The same, from any thread, lock free. The target must not be destroyed while an Io is with the device.
    void complete_from_any_thread(int error = 0) noexcept {
        error_ = error;
        owner_->completed_from_any_thread(*this);
    }

    Io(const Io&) = delete;
    Io& operator=(const Io&) = delete;

  protected:
    explicit Io(IoOwner* owner) : owner_(owner) {}
    ~Io() = default;

    IoOwner* owner_;
    Io* next_completed_ = nullptr;
    int error_ = 0;

    friend class IoQueue;
};

/// Something that stores sectors. All calls come from the target's thread, and may call the target
/// themselves: see target.hpp.
class BlockDevice {
  public:
    BlockDevice() = default;
    BlockDevice(const BlockDevice&) = delete;
    BlockDevice& operator=(const BlockDevice&) = delete;
    /// Called when no Io is under way any more, at the end of a turn of the loop or by ~Target().
    virtual ~BlockDevice() = default;

    /// Asked once, within Target::add_export().
    [[nodiscard]] virtual Geometry geometry() const = 0;

    /// Starts an operation and returns at once; must not throw and must not block. The target has already
    /// excluded overlap: while a write or discard is under way nothing else is on its sectors, so a device
    /// may run operations in any order and side by side. A flush covers every write that was completed before
    /// its submit().
    virtual void submit(Io& io) = 0;

    /// A text that stays the same for the same volume across restarts and differs between volumes; the
    /// default serial number is derived from it. Empty: derived from the AoE address alone. Asked at most
    /// once, within Target::add_export().
    [[nodiscard]] virtual std::string identity() const { return {}; }
};

} // namespace aoetarget
#pragma GCC visibility pop
