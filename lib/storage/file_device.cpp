// Carries each operation from its submission to its end: short transfers, repetition, and syncs that several
// writes share.
#include "storage/file_device.hpp"

#include "storage/file_probe.hpp"

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <span>
#include <system_error>

#include <fcntl.h>
#include <limits.h>
#include <linux/fs.h>
#include <sys/ioctl.h>

namespace aoetarget::storage {
namespace {

constexpr std::uint64_t sync_argument = 0; // the completions of other operations carry their address

// The entries of device_data.
constexpr std::size_t place_in_queue = 0; // until the write is carried out; then it is the sync's
constexpr std::size_t bytes_done = 1;

constexpr std::size_t max_transfer_bytes =
    1U << 30; // less than the kernel moves at once; the rest continues as after a short transfer

std::uint64_t to_argument(const Io& io) {
    return reinterpret_cast<std::uintptr_t>(&io);
}
Io* to_io(std::uint64_t argument) {
    return reinterpret_cast<Io*>(static_cast<std::uintptr_t>(argument));
}

std::uint64_t bytes_left(const Io& io) {
    return io.range.bytes() - io.device_data[bytes_done];
}

/// Buffers that are used up stay in place with a length of 0.
std::span<iovec> buffers_left(const Io& io) {
    const auto first = std::find_if(io.buffers.begin(), io.buffers.end(),
                                    [](const iovec& buffer) { return buffer.iov_len > 0; });
    return {first, io.buffers.end()};
}

void advance(Io& io, std::uint64_t bytes) {
    io.device_data[bytes_done] += bytes;
    for (iovec& buffer : buffers_left(io)) {
        const std::size_t used = std::min<std::uint64_t>(bytes, buffer.iov_len);
        buffer.iov_base = static_cast<std::byte*>(buffer.iov_base) + used;
        buffer.iov_len -= used;
        bytes -= used;
        if (bytes == 0)
            return;
    }
}

/// ECANCELED means that the kernel found no worker thread: resources are missing, and nothing was done.
int to_error(int result) {
    return result == -ECANCELED ? EAGAIN : -result;
}

} // namespace

RingFileDevice::~RingFileDevice() {
    if (ring_ == nullptr)
        return;
    assert(ring_->outstanding(handler_) == 0);
    ring_->undefer(*this);
    ring_->remove_handler(handler_);
    ring_->unregister_file(ring_file_);
    if (discard_file_)
        ring_->unregister_file(*discard_file_);
}

void RingFileDevice::attach(ring::Ring& ring) {
    ring_ = &ring;
    handler_ = ring.add_handler(*this);
    ring_file_ = ring.register_file(opened_.file.get());
    if (const int file = exclusive_descriptor(opened_.claim); file >= 0)
        discard_file_ = ring.register_file(file);
    if (opened_.regular && !opened_.geometry.read_only)
        queued_writes_.emplace(ring, handler_);
}

/// The file may have shrunk, too: then its geometry stays, and operations beyond its end fail.
std::uint64_t RingFileDevice::refresh_sectors() {
    try {
        const std::uint64_t end_bytes = std::min(probe_file(opened_.file.get()).bytes, opened_.end_bytes);
        // The kernel shows a disk that is gone as one of 0 bytes.
        const std::uint64_t nothing = opened_.regular ? no_sectors : 0;
        if (end_bytes <= opened_.offset_bytes)
            return nothing;
        const std::uint64_t block_bytes = opened_.geometry.logical_block_bytes;
        const std::uint64_t sectors =
            (end_bytes - opened_.offset_bytes) / block_bytes * block_bytes / sector_bytes;
        if (sectors == 0)
            return nothing;
        opened_.geometry.sectors = std::max(opened_.geometry.sectors, sectors);
        return sectors;
    } catch (const std::system_error&) { // the disk is gone
        return 0;
    }
}

void RingFileDevice::submit(Io& io) {
    assert(ring_ != nullptr && io.range.fits(opened_.geometry.sectors));
    io.device_data = {};
    if (sync_.error() != 0 && io.op != Io::Op::read)
        return io.complete(sync_.error());
    if (io.op == Io::Op::flush)
        return wait_for_sync(io);
    start(io);
}

void RingFileDevice::start(Io& io) {
    const std::uint64_t offset =
        opened_.offset_bytes + io.range.first * sector_bytes + io.device_data[bytes_done];
    const bool skips_queues = io.op == Io::Op::write && queued_writes_ &&
                              queued_writes_->begin(to_argument(io), io.device_data[place_in_queue]);
    ring_->submit(handler_, to_argument(io), [&](io_uring_sqe* sqe) {
        if (io.op == Io::Op::discard) {
            // The types of io_uring_prep_fallocate() depend on the version of liburing.
            io_uring_prep_rw(IORING_OP_FALLOCATE, sqe, -1, nullptr,
                             FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset);
            sqe->addr = bytes_left(io);
        } else {
            prepare_transfer(sqe, io, offset);
        }
        (io.op == Io::Op::discard ? discard_file_.value_or(ring_file_) : ring_file_).apply(sqe);
        if (opened_.blocks_submission)
            sqe->flags |= IOSQE_ASYNC;
        if (skips_queues)
            ring::skip_queues(sqe);
    });
}

void RingFileDevice::prepare_transfer(io_uring_sqe* sqe, const Io& io, std::uint64_t offset) const {
    const bool write = io.op == Io::Op::write;
    const auto buffers = buffers_left(io);
    void* data = buffers.front().iov_base;
    const std::size_t bytes = std::min(buffers.front().iov_len, max_transfer_bytes);
    const int registered = buffers.size() == 1 ? ring_->buffer_index(data, bytes) : -1;
    if (registered >= 0) {
        io_uring_prep_rw(write ? IORING_OP_WRITE_FIXED : IORING_OP_READ_FIXED, sqe, -1, data,
                         static_cast<unsigned>(bytes), offset);
        sqe->buf_index = static_cast<std::uint16_t>(registered);
        return;
    }
    const auto count = static_cast<unsigned>(std::min<std::size_t>(buffers.size(), IOV_MAX));
    if (write)
        io_uring_prep_writev(sqe, -1, buffers.data(), count, offset);
    else
        io_uring_prep_readv(sqe, -1, buffers.data(), count, offset);
}

void RingFileDevice::on_completion(std::uint64_t argument, int result, std::uint32_t) {
    if (argument == sync_argument)
        sync_done(result);
    else
        step_done(*to_io(argument), result);
}

void RingFileDevice::step_done(Io& io, int result) {
    const bool cancelled = io.op == Io::Op::write && queued_writes_ &&
                           queued_writes_->end(io.device_data[place_in_queue], result);
    if (cancelled || result == -EINTR)
        return start(io);
    // EAGAIN is not tried again here, because the loop would spin: the initiator repeats the request.
    if (result < 0)
        return io.complete(error_of(io, result));
    if (io.op == Io::Op::discard)
        return carried_out(io);

    // A file that has shrunk may end within a block, and the next step could not start there.
    const std::uint64_t block_bytes = opened_.geometry.logical_block_bytes;
    const std::uint64_t moved = static_cast<std::uint64_t>(result) / block_bytes * block_bytes;
    if (moved == 0)
        return io.complete(io.op == Io::Op::read ? ENXIO : EIO);
    advance(io, moved);
    if (bytes_left(io) > 0)
        return start(io);
    carried_out(io);
}

/// A write beyond the end of a block device fails with ENOSPC too: a disk that was pulled out has no sectors
/// left.
int RingFileDevice::error_of(const Io& io, int result) const {
    if (result != -ENOSPC || opened_.regular)
        return to_error(result);
    std::uint64_t bytes = 0;
    const std::uint64_t end = opened_.offset_bytes + io.range.end() * sector_bytes;
    const bool is_gone = ioctl(opened_.file.get(), BLKGETSIZE64, &bytes) != 0 || bytes < end;
    return is_gone ? ENXIO : ENOSPC;
}

void RingFileDevice::carried_out(Io& io) {
    if (io.op == Io::Op::read)
        return io.complete();
    if (sync_.error() != 0)
        return io.complete(sync_.error());
    if (io.durable || !opened_.geometry.volatile_cache)
        return wait_for_sync(io);
    io.complete();
}

void RingFileDevice::wait_for_sync(Io& io) {
    sync_.add(io);
    ring_->defer(*this);
}

void RingFileDevice::on_turn_end() {
    if (sync_.begin())
        start_sync();
}

void RingFileDevice::start_sync() {
    ring_->submit(handler_, sync_argument, [&](io_uring_sqe* sqe) {
        io_uring_prep_fsync(sqe, -1, IORING_FSYNC_DATASYNC);
        ring_file_.apply(sqe);
    });
}

void RingFileDevice::sync_done(int result) {
    if (result == -EINTR)
        return start_sync();
    sync_.end(result < 0 ? to_error(result) : 0, result != -ECANCELED);
    if (sync_.is_waiting())
        ring_->defer(*this);
}

} // namespace aoetarget::storage
