// The operations of a device of the host's own.
#include "c/target.hpp"

#include <aoetarget-c/device.h>
#include <aoetarget/block_device.hpp>

namespace {

aoetarget::Io& operation(aoetarget_io* io) {
    return *reinterpret_cast<aoetarget::Io*>(io);
}
const aoetarget::Io& operation(const aoetarget_io* io) {
    return *reinterpret_cast<const aoetarget::Io*>(io);
}

/// The functions of this interface return negative numbers, those of the system positive ones.
int positive(int error) {
    constexpr int last_errno = 4095;
    return error < -last_errno ? EIO : error < 0 ? -error : error;
}

} // namespace

static_assert(AOETARGET_IO_READ == static_cast<int>(aoetarget::Io::Op::read) &&
              AOETARGET_IO_WRITE == static_cast<int>(aoetarget::Io::Op::write) &&
              AOETARGET_IO_FLUSH == static_cast<int>(aoetarget::Io::Op::flush) &&
              AOETARGET_IO_DISCARD == static_cast<int>(aoetarget::Io::Op::discard));

int32_t aoetarget_io_op(const aoetarget_io* io) {
    return static_cast<int32_t>(operation(io).op);
}
uint64_t aoetarget_io_first(const aoetarget_io* io) {
    return operation(io).range.first;
}
uint64_t aoetarget_io_count(const aoetarget_io* io) {
    return operation(io).range.count;
}
uint8_t aoetarget_io_durable(const aoetarget_io* io) {
    return operation(io).durable ? 1 : 0;
}
struct iovec* aoetarget_io_iov(aoetarget_io* io, size_t* count) {
    *count = operation(io).buffers.size();
    return operation(io).buffers.data();
}
uint64_t* aoetarget_io_slot(aoetarget_io* io) {
    return operation(io).device_data.data();
}

void aoetarget_io_complete(aoetarget_io* io, int error) {
    if (aoetarget::c_interface::is_called_back())
        operation(io).complete(positive(error));
    else
        operation(io).complete_from_any_thread(positive(error));
}
void aoetarget_io_complete_from_any_thread(aoetarget_io* io, int error) {
    operation(io).complete_from_any_thread(positive(error));
}
