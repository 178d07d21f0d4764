// The interface between the target and the devices that it exports. A daemon that serves volumes of its own
// derives from BlockDevice; `open_file()` in file_device.hpp is the library's own implementation for files
// and disks.
#pragma once

#include <aoetarget/address.hpp>
#include <aoetarget/device_host.hpp>

#include <array>
#include <cerrno>
#include <cstdint>
#include <span>
#include <string>

#include <sys/uio.h>

#pragma GCC visibility push(default)
namespace aoetarget {

/// The properties of a device. They must not change from the moment a target gets it until it is
/// destroyed, except that its capacity may grow: see BlockDevice::refresh_sectors().
struct Geometry {
    static constexpr std::uint64_t max_sectors = (1ULL << 48) - 1;

    /// Capacity in sectors of 512 bytes, at least 1, at most max_sectors.
    std::uint64_t sectors = 0;
    /// Smallest unit of I/O in bytes: a power of two from 512 to 65536. The target submits only whole logical
    /// blocks: if a request writes a part of one, the target reads the block, patches it and writes it back.
    /// The capacity must be a whole number of logical blocks.
    std::uint32_t logical_block_bytes = 512;
    /// The unit in bytes that the medium prefers, for IDENTIFY: a power of two, at least
    /// `logical_block_bytes` and at most 16 MiB.
    std::uint32_t physical_block_bytes = 512;
    /// Distance in sectors from the start of the physical block in which sector 0 lies to sector 0. It must
    /// be smaller than a physical block.
    std::uint32_t physical_offset_sectors = 0;
    /// Alignment that the buffers of an Io must have, in bytes: a power of two up to 4096.
    std::uint32_t memory_alignment = 1;
    /// The target refuses writes and discards before they reach the device.
    bool read_only = false;
    /// If true, a completed write may be lost in a power cut until a flush has completed, unless
    /// `Io::durable` was set. If false, a completed write is on stable storage.
    bool volatile_cache = false;
    /// The device takes Io::Op::discard.
    bool discard = false;
    /// Discarded sectors read as zeros. It has no meaning without `discard`.
    bool discard_zeroes = false;
    /// The target may read sectors before an initiator asks for them, and answer from that data for up to 100
    /// ms. Set this only if nothing but the target changes the data, and if a read costs enough to be worth
    /// it.
    bool read_ahead = false;
    /// Word 217 of IDENTIFY: 0 if unknown, 1 if the medium does not rotate, else revolutions per minute
    /// (0x401 to 0xFFFE).
    std::uint16_t rotation_rate = 0;
};

class Io;

/// The target implements it; a device never sees it.
class IoOwner {
  public:
    virtual void completed(Io& io) noexcept = 0;
    virtual void completed_from_any_thread(Io& io) noexcept = 0;

  protected:
    ~IoOwner() = default;
};

/// One operation of a device. The target owns the object and everything that it points to; both stay valid
/// and unchanged from `BlockDevice::submit()` until the device completes it. The device must complete it
/// exactly once.
class Io {
  public:
    enum class Op : std::uint8_t { read, write, flush, discard };

    Op op = Op::read;
    /// For a write or discard: the device must complete it only when the change is on stable storage,
    /// whatever the device's own mode is.
    bool durable = false;
    /// The sectors, in whole logical blocks. It is empty for a flush.
    SectorRange range;
    /// The memory into which a read puts the data, or from which a write takes it. Together the buffers are
    /// as long as `range`; there are none for a flush or a discard. The device may change the entries, for
    /// example to continue after a short transfer.
    std::span<iovec> buffers;
    /// The error with which the device says that it is away for a while: the target never answers the
    /// request, and the initiator repeats it. It suits a device that is fenced, that has lost its connection
    /// and will have it again, or that has no room at the moment. Linux repeats for 180 s, iPXE for some 10.
    static constexpr int no_answer = EAGAIN;

    /// Free for the device's own use between submit and completion.
    std::array<std::uint64_t, 2> device_data{};

    /// Ends the operation. `error` is 0 for success, else a positive errno value. The target answers ENODEV,
    /// ENXIO and ENOMEDIUM, with which the device is gone, as a device fault; EROFS, EBADF, EPERM and
    /// EOPNOTSUPP as an aborted command; and any other error, EIO for example, as uncorrectable if the
    /// request reads, else as a device fault. A Linux initiator makes EIO of each of them, at once and for
    /// good, and file systems on it become read-only; so errors that pass, like ESHUTDOWN, ETIMEDOUT and
    /// ENOTCONN of a network, should become no_answer. The target may leave errors unanswered for a while
    /// (ExportOptions::silence_on_error). After EAGAIN (no_answer) and ENOMEM it never answers, and the
    /// initiator repeats the request. Call this on the target's thread, from within submit() or later.
    void complete(int error = 0) noexcept {
        error_ = error;
        owner_->completed(*this);
    }
    /// Does the same from any thread, and takes no lock. ~Target() waits until every Io is completed, unless
    /// TargetOptions::device_patience ends before.
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

/// A device that stores sectors. The target owns it, and makes all calls on its own thread. They may call the
/// target themselves: see target.hpp.
class BlockDevice {
  public:
    BlockDevice() = default;
    BlockDevice(const BlockDevice&) = delete;
    BlockDevice& operator=(const BlockDevice&) = delete;
    /// The target destroys the device when no Io is under way any more, at the end of a turn of the loop or
    /// in ~Target(). A device that was to replace another may be destroyed without ever having had an Io.
    virtual ~BlockDevice() = default;

    /// The target calls this once, within Target::add_export() or Target::replace_device().
    [[nodiscard]] virtual Geometry geometry() const = 0;

    /// The target calls this once, after geometry(), when it has decided to take the device. `host` is what
    /// the device may use from now on, until it is destroyed. If this throws, the call that adds the device
    /// throws the same.
    virtual void set_host(DeviceHost& host) { static_cast<void>(host); }

    /// What refresh_sectors() returns if nothing is left of the device, as of a file that was cut to 0 bytes.
    static constexpr std::uint64_t no_sectors = ~std::uint64_t{0};
    /// Returns the capacity that the device has now, in sectors, or 0 if it does not know or is never to
    /// change, or no_sectors. The target calls this within Target::resize_export(). If the capacity has
    /// grown, the target may submit operations up to the new end from then on, as far as that is a whole
    /// number of logical blocks. If it has shrunk, the target keeps to the old end, and the device has to
    /// fail what lies beyond the new one.
    virtual std::uint64_t refresh_sectors() { return 0; }

    /// Starts an operation and returns at once; it must not throw and must not block. Operations never
    /// overlap: while a write or discard is under way, the target submits no other operation on its sectors,
    /// so a device may run operations in any order and at the same time. A flush covers every write that was
    /// completed before its submit().
    virtual void submit(Io& io) = 0;

    /// Returns a text that stays the same for the same volume across restarts and differs between volumes.
    /// The target derives the default serial number from it, from the machine and from the AoE address;
    /// without a text, from the last two alone. The target calls this at most once, within
    /// Target::add_export().
    [[nodiscard]] virtual std::string identity() const { return {}; }

    /// Returns whether identity() names the volume in the whole world, so that the default serial number is
    /// derived from it alone: each machine that serves the volume, at whatever address, then has the same, by
    /// which multipath software knows one disk. That takes a volume that all of them see alike.
    [[nodiscard]] virtual bool is_identity_global() const { return false; }

    /// Returns whether writes fail from now on, because a flush has failed and the device does not know what
    /// is on stable storage. The target calls this after a failure, to tell the host.
    [[nodiscard]] virtual bool refuses_writes() const { return false; }
};

} // namespace aoetarget
#pragma GCC visibility pop
