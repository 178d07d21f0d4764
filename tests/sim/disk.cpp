#include "disk.hpp"

#include "core/operation.hpp"

#include <cerrno>
#include <cstring>

namespace aoesim {

using aoetarget::Io;
using aoetarget::sector_bytes;
using aoetarget::SectorRange;

namespace {

class Device final : public aoetarget::BlockDevice {
  public:
    Device(Disk& disk, const aoetarget::Geometry& geometry) : disk_(disk), geometry_(geometry) {}
    [[nodiscard]] aoetarget::Geometry geometry() const override { return geometry_; }
    [[nodiscard]] std::uint64_t refresh_sectors() override { return disk_.sectors(); }
    void submit(Io& io) override { disk_.submit(io, geometry_); }

  private:
    Disk& disk_;
    const aoetarget::Geometry geometry_;
};

bool changes(const Io& io) {
    return io.op == Io::Op::write || io.op == Io::Op::discard;
}

} // namespace

Disk::Disk(const Setting& setting, Schedule& schedule, Random random, FaultCounts& faults, Observer& observer,
           Workers& workers)
    : setting_(setting), schedule_(schedule), random_(random), faults_(faults), observer_(observer),
      workers_(workers), data_(setting.geometry.sectors * sector_bytes), stable_(data_) {}

std::unique_ptr<aoetarget::BlockDevice> Disk::device(const aoetarget::Geometry& geometry) {
    return std::make_unique<Device>(*this, geometry);
}

void Disk::hang() {
    faults_.add(Fault::disk_hung);
    hangs_ = true;
}

void Disk::thaw() {
    hangs_ = false;
    for (const std::uint64_t number : std::exchange(held_, {}))
        schedule_.after(latency(), [this, number] { finish(number); });
}

void Disk::heal() {
    thaw();
    vanished_ = false;
    setting_.slow = setting_.errors = setting_.busy = setting_.full = 0;
}

Time Disk::latency() {
    if (random_.chance(setting_.slow)) {
        faults_.add(Fault::disk_slow);
        return Time(random_.below(static_cast<std::uint64_t>(setting_.slowest.count())));
    }
    return Time(random_.below(static_cast<std::uint64_t>(2 * setting_.usual.count())));
}

void Disk::submit(Io& io, const aoetarget::Geometry& geometry) {
    const bool is_same = geometry.logical_block_bytes == setting_.geometry.logical_block_bytes &&
                         geometry.memory_alignment == setting_.geometry.memory_alignment;
    if (!is_same && !pending_.empty() && violation_.empty())
        violation_ = "a device is used while the one before it has something to do";
    setting_.geometry = geometry;
    check(io);
    if (!io.range.fits(sectors())) {
        io.complete(EINVAL);
        observer_.disk_completed();
        return;
    }
    const std::uint64_t number = next_number_++;
    const bool in_worker = blocks(io);
    pending_.push_back({&io, number, in_worker});
    if (in_worker)
        workers_.begin([this, number] { begin(number); });
    else if (!hangs_ && random_.chance(setting_.immediate))
        finish(number);
    else
        begin(number);
}

bool Disk::blocks(const Io& io) const {
    const bool changes_state = io.op == Io::Op::flush || io.op == Io::Op::discard || io.durable;
    return setting_.blocking == Blocking::all ||
           (setting_.blocking == Blocking::changes_of_state && changes_state);
}

void Disk::begin(std::uint64_t number) {
    schedule_.after(latency(), [this, number] { finish(number); });
}

void Disk::finish(std::uint64_t number) {
    const auto found = std::ranges::find(pending_, number, &Pending::number);
    if (found == pending_.end())
        return; // lost in a power cut
    if (hangs_) {
        held_.push_back(number);
        return;
    }
    Io& io = *found->io;
    const bool in_worker = found->in_worker;
    pending_.erase(found);
    const int error = error_for(io);
    if (error == 0)
        carry_out(io, false);
    else if (changes(io) && error != EAGAIN)
        carry_out(io, true);
    io.complete(error);
    observer_.disk_completed();
    if (in_worker)
        workers_.done();
}

int Disk::error_for(const Io& io) {
    if (vanished_)
        return random_.chance(0.5) ? ENODEV : EIO;
    if (random_.chance(setting_.busy)) {
        faults_.add(Fault::disk_busy);
        return EAGAIN;
    }
    if (io.op == Io::Op::write && random_.chance(setting_.full)) {
        faults_.add(Fault::disk_full);
        return ENOSPC;
    }
    if (random_.chance(setting_.errors)) {
        faults_.add(Fault::disk_error);
        return EIO;
    }
    return 0;
}

/// Which trim a discard belongs to. The initiators of these worlds say so in the first entry of its list, of
/// no sectors, which a target passes over.
WriteId Disk::trim_of(const Io& io) {
    const auto list = static_cast<const aoetarget::core::Operation&>(io).first->payload();
    const SectorRange mark = aoetarget::protocol::dsm_entry(list, 0);
    return mark.count == 0 ? mark.first : 0;
}

/// `only_parts`: a failed or interrupted change is made to any of its blocks.
void Disk::carry_out(const Io& io, bool only_parts) {
    if (io.op == Io::Op::flush) {
        stable_ = data_;
        return;
    }
    std::uint8_t* at = &data_[io.range.first * sector_bytes];
    if (io.op == Io::Op::read) {
        for (const iovec& buffer : io.buffers) {
            std::memcpy(buffer.iov_base, at, buffer.iov_len);
            at += buffer.iov_len;
        }
        return;
    }
    std::vector<std::uint8_t> bytes;
    if (io.op == Io::Op::discard) {
        bytes.resize(io.range.bytes());
        for (std::uint64_t i = 0; i < io.range.count; ++i)
            fill_sector(&bytes[i * sector_bytes], trim_of(io), io.range.first + i);
    }
    for (const iovec& buffer : io.buffers) {
        const auto* from = static_cast<const std::uint8_t*>(buffer.iov_base);
        bytes.insert(bytes.end(), from, from + buffer.iov_len);
    }
    store(io, bytes, only_parts);
}

void Disk::store(const Io& io, const std::vector<std::uint8_t>& bytes, bool only_parts) {
    const std::uint64_t block = setting_.geometry.logical_block_bytes / sector_bytes;
    for (std::uint64_t i = 0; i < io.range.count; i += block) {
        if (only_parts && random_.chance(0.5))
            continue;
        if (io.op == Io::Op::discard && random_.chance(setting_.kept))
            continue;
        const SectorRange range{io.range.first + i, block};
        observer_.landing(*this, range, &bytes[i * sector_bytes]);
        std::memcpy(&data_[range.first * sector_bytes], &bytes[i * sector_bytes], range.bytes());
        if (io.durable || !setting_.geometry.volatile_cache)
            std::memcpy(&stable_[range.first * sector_bytes], &bytes[i * sector_bytes], range.bytes());
    }
}

void Disk::cut_power() {
    for (const Pending& pending : pending_) {
        if (changes(*pending.io))
            carry_out(*pending.io, true);
    }
    pending_.clear();
    held_.clear();
    vanished_ = false;
    const std::uint64_t block_bytes = setting_.geometry.logical_block_bytes;
    const double kept = random_.chance(0.3) ? 0.0 : 0.5;
    for (std::uint64_t at = 0; at < data_.size(); at += block_bytes) {
        if (random_.chance(kept))
            std::memcpy(&stable_[at], &data_[at], block_bytes);
    }
    data_ = stable_;
}

void Disk::check(const Io& io) {
    const auto expect = [&](bool condition, const char* what) {
        if (!condition && violation_.empty())
            violation_ = what;
    };
    const std::uint64_t block = setting_.geometry.logical_block_bytes / sector_bytes;
    std::uint64_t bytes = 0;
    for (const iovec& buffer : io.buffers) {
        bytes += buffer.iov_len;
        expect(reinterpret_cast<std::uintptr_t>(buffer.iov_base) % setting_.geometry.memory_alignment == 0,
               "a buffer is not aligned as the disk asks");
    }
    const bool transfers = io.op == Io::Op::read || io.op == Io::Op::write;
    expect(bytes == (transfers ? io.range.bytes() : 0), "the buffers are not as long as the range");
    expect((io.op == Io::Op::flush) == (io.range.count == 0), "a range is empty, or that of a flush is not");
    expect(io.range.fits(sectors()), "a range is not on the disk");
    expect(io.range.first % block == 0 && io.range.count % block == 0, "a range is not made of whole blocks");
    if (io.op == Io::Op::discard) {
        expect(setting_.geometry.discard, "a trim reaches a disk that cannot discard");
        expect(trim_of(io) != 0, "a trim that names sectors beyond the end reaches the disk");
    }
    for (const Pending& other : pending_) {
        expect(!(changes(io) || changes(*other.io)) || !io.range.overlaps(other.io->range),
               "an operation overlaps a change that is under way");
    }
}

} // namespace aoesim
