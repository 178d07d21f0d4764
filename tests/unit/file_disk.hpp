// A file device on a ring of its own, driven one operation or many at a time.
#pragma once

#include "ring/ring.hpp"
#include "storage/ring_device.hpp"
#include "support/patience.hpp"
#include "support/wire.hpp"

#include <aoetarget/file_device.hpp>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <unistd.h>

namespace aoetest {

/// Root of the machine. Not by has_real_root(), which moves an ordinary user into a user namespace of its
/// own: files would have other owners there, and a process with worker threads of a ring cannot go.
inline bool is_real_root() {
    std::ifstream map("/proc/self/uid_map");
    std::uint64_t first = 1;
    std::uint64_t outside = 1;
    map >> first >> outside;
    return geteuid() == 0 && first == 0 && outside == 0;
}

/// An operation whose memory is page-aligned and cut into buffers of the given size, as frames would.
class TestIo final : public aoetarget::Io {
  public:
    static constexpr std::size_t whole = 0;

    TestIo(aoetarget::IoOwner& owner, Op operation, aoetarget::SectorRange sectors,
           std::size_t cut_bytes = whole)
        : Io(&owner) {
        op = operation;
        range = sectors;
        if (op != Op::read && op != Op::write)
            return;
        memory_.reset(
            static_cast<std::byte*>(std::aligned_alloc(4096, (range.bytes() + 4095) / 4096 * 4096)));
        const std::size_t step = cut_bytes == whole ? range.bytes() : cut_bytes;
        for (std::size_t at = 0; at < range.bytes(); at += step)
            vectors_.push_back({memory_.get() + at, std::min<std::size_t>(step, range.bytes() - at)});
        buffers = vectors_;
    }

    [[nodiscard]] std::span<std::byte> memory() { return {memory_.get(), range.bytes()}; }
    [[nodiscard]] Bytes data() const {
        const auto* first = reinterpret_cast<const std::uint8_t*>(memory_.get());
        return {first, first + range.bytes()};
    }
    void fill(const Bytes& bytes) { std::memcpy(memory_.get(), bytes.data(), bytes.size()); }
    [[nodiscard]] int error() const { return error_; }

    unsigned completions = 0;

  private:
    struct Free {
        void operator()(std::byte* memory) const { std::free(memory); }
    };
    std::unique_ptr<std::byte, Free> memory_;
    std::vector<iovec> vectors_;
};

class FileDisk final : public aoetarget::IoOwner {
  public:
    using Op = aoetarget::Io::Op;
    using IoPointer = std::unique_ptr<TestIo>;

    explicit FileDisk(const std::string& path, const aoetarget::FileOptions& options = {})
        : FileDisk(aoetarget::open_file(path, options)) {}
    explicit FileDisk(std::unique_ptr<aoetarget::FileDevice> device) : device_(std::move(device)) {
        dynamic_cast<aoetarget::storage::RingDevice&>(*device_).attach(ring_);
    }

    [[nodiscard]] aoetarget::FileDevice& device() { return *device_; }
    [[nodiscard]] aoetarget::Geometry geometry() const { return device_->geometry(); }
    [[nodiscard]] aoetarget::ring::Ring& ring() { return ring_; }
    /// Closes the file; the ring lives on.
    void close() { device_.reset(); }

    [[nodiscard]] IoPointer make(Op op, aoetarget::SectorRange range = {},
                                 std::size_t cut_bytes = TestIo::whole) {
        return std::make_unique<TestIo>(*this, op, range, cut_bytes);
    }
    [[nodiscard]] IoPointer make_write(std::uint64_t lba, const Bytes& data,
                                       std::size_t cut_bytes = TestIo::whole) {
        auto io = make(Op::write, {lba, data.size() / sector_bytes}, cut_bytes);
        io->fill(data);
        return io;
    }

    void turn() {
        ring_.wait();
        ring_.run_deferred();
    }
    void submit(TestIo& io) { device_->submit(io); }
    void finish(const TestIo& io) {
        const Patience patience;
        while (io.completions == 0)
            turn();
    }
    int run(TestIo& io) {
        submit(io);
        finish(io);
        return io.error();
    }

    int write(std::uint64_t lba, const Bytes& data) { return run(*make_write(lba, data)); }
    int flush() { return run(*make(Op::flush)); }
    int discard(aoetarget::SectorRange range) { return run(*make(Op::discard, range)); }
    /// Empty where the read failed.
    Bytes read(std::uint64_t lba, std::uint64_t sectors) {
        const auto io = make(Op::read, {lba, sectors});
        return run(*io) == 0 ? io->data() : Bytes{};
    }

  private:
    void completed(aoetarget::Io& io) noexcept override { ++static_cast<TestIo&>(io).completions; }
    void completed_from_any_thread(aoetarget::Io& io) noexcept override { completed(io); }

    aoetarget::ring::Ring ring_{1024};
    std::unique_ptr<aoetarget::FileDevice> device_;
};

} // namespace aoetest
