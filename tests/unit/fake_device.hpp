// A device in memory whose completions the test decides: when, in what order, from which thread and with what
// error. It checks the promises to a device: whole blocks, aligned buffers, and that nothing overlaps a
// change that is under way.
#pragma once

#include "support/wire.hpp"

#include <aoetarget/block_device.hpp>

#include <algorithm>
#include <bit>
#include <cstring>
#include <functional>
#include <memory>
#include <vector>

namespace aoetest {

/// The device as the test sees it; lives longer than what the core owns of it.
class Disk {
  public:
    using Io = aoetarget::Io;
    using Op = aoetarget::Io::Op;

    struct Logged {
        Op op;
        aoetarget::SectorRange range;
        bool durable;
        std::size_t buffers;
    };

    explicit Disk(const aoetarget::Geometry& geometry_of_it)
        : geometry(geometry_of_it), data(std::min(geometry.sectors, max_kept) * sector_bytes, 0),
          stable(data) {
        pending.reserve(1024);
    }

    /// A disk of more sectors than this keeps only the first of them.
    static constexpr std::uint64_t max_kept = 4096;

    aoetarget::Geometry geometry;
    Bytes data;            ///< What a read returns.
    Bytes stable;          ///< What would be left after a power cut.
    bool immediate = true; ///< Completes from within submit().
    bool logging = true;
    std::function<int(const Io&)> error_of; ///< If set: what becomes of an operation.
    std::vector<Io*> pending;               ///< Submitted and not completed, oldest first.
    std::vector<Logged> log;
    std::string violations; ///< Empty, or what the core did that it must not.
    unsigned operations = 0;
    bool refuses_writes = false;
    std::uint64_t present_sectors = 0; ///< The answer of refresh_sectors().
    bool exists = true;                ///< Until the core destroys its part.

    /// Carries an operation out and completes it; the first that was submitted if not told otherwise.
    void complete(std::size_t index = 0) {
        finish(index, [](Io& io, int error) { io.complete(error); });
    }
    void fail(int error, std::size_t index = 0) {
        Io& io = take(index);
        io.complete(error);
    }
    void complete_from_any_thread(std::size_t index = 0) {
        finish(index, [](Io& io, int error) { io.complete_from_any_thread(error); });
    }
    /// Without completing: for a test that completes elsewhere.
    Io& carry_out(std::size_t index = 0) {
        Io& io = take(index);
        carry_out(io);
        return io;
    }

    void submit(Io& io) {
        ++operations;
        if (logging)
            log.push_back({io.op, io.range, io.durable, io.buffers.size()});
        check(io);
        pending.push_back(&io);
        if (immediate)
            complete(pending.size() - 1);
    }

    [[nodiscard]] Bytes sectors(std::uint64_t first, std::uint64_t count, const Bytes& from) const {
        const auto begin = from.begin() + static_cast<std::ptrdiff_t>(first * sector_bytes);
        return {begin, begin + static_cast<std::ptrdiff_t>(count * sector_bytes)};
    }
    [[nodiscard]] Bytes sectors(std::uint64_t first, std::uint64_t count = 1) const {
        return sectors(first, count, data);
    }
    [[nodiscard]] Bytes stable_sectors(std::uint64_t first, std::uint64_t count = 1) const {
        return sectors(first, count, stable);
    }
    void fill(std::uint64_t first, const Bytes& bytes) {
        std::memcpy(data.data() + first * sector_bytes, bytes.data(), bytes.size());
        std::memcpy(stable.data() + first * sector_bytes, bytes.data(), bytes.size());
    }

  private:
    static bool changes(const Io& io) { return io.op == Op::write || io.op == Op::discard; }

    Io& take(std::size_t index) {
        Io& io = *pending.at(index);
        pending.erase(pending.begin() + static_cast<std::ptrdiff_t>(index));
        return io;
    }

    template <typename Complete>
    void finish(std::size_t index, Complete complete_it) {
        Io& io = take(index);
        const int error = error_of ? error_of(io) : 0;
        if (error == 0)
            carry_out(io);
        complete_it(io, error);
    }

    void carry_out(Io& io) {
        if (io.range.end() * sector_bytes > data.size())
            return;
        std::uint8_t* at = data.data() + io.range.first * sector_bytes;
        if (io.op == Op::flush)
            stable = data;
        else if (io.op == Op::discard)
            std::fill_n(at, io.range.bytes(), std::uint8_t{0});
        for (const iovec& buffer : io.buffers) {
            if (io.op == Op::read)
                std::memcpy(buffer.iov_base, at, buffer.iov_len);
            else
                std::memcpy(at, buffer.iov_base, buffer.iov_len);
            at += buffer.iov_len;
        }
        if (changes(io) && (io.durable || !geometry.volatile_cache)) {
            const auto first = static_cast<std::ptrdiff_t>(io.range.first * sector_bytes);
            std::copy_n(data.begin() + first, io.range.bytes(), stable.begin() + first);
        }
    }

    void check(const Io& io) {
        const auto expect = [&](bool condition, const char* what) {
            if (!condition)
                violations += std::string(what) + "\n";
        };
        const std::uint64_t block = geometry.logical_block_bytes / sector_bytes;
        const bool transfers = io.op == Op::read || io.op == Op::write;
        std::size_t bytes = 0;
        for (const iovec& buffer : io.buffers) {
            bytes += buffer.iov_len;
            expect(reinterpret_cast<std::uintptr_t>(buffer.iov_base) % geometry.memory_alignment == 0,
                   "a buffer is not aligned as the device asks");
        }
        expect(bytes == (transfers ? io.range.bytes() : 0), "the buffers are not as long as the range");
        expect(io.op == Op::flush ? io.range.count == 0 : io.range.count > 0,
               "the range is empty, or that of a flush is not");
        expect(io.range.fits(geometry.sectors), "the range is not on the device");
        expect(io.range.first % block == 0 && io.range.count % block == 0,
               "the range is not made of whole blocks");
        expect(!geometry.read_only || io.op == Op::read, "a read-only device was asked to change");
        expect(geometry.discard || io.op != Op::discard, "a device that cannot discard was asked to");
        for (const Io* other : pending) {
            expect(!(changes(io) || changes(*other)) || !io.range.overlaps(other->range),
                   "an operation overlaps a change that is under way");
        }
    }
};

/// What the core owns.
class FakeDevice final : public aoetarget::BlockDevice {
  public:
    explicit FakeDevice(Disk& disk) : disk_(disk) {}
    ~FakeDevice() override { disk_.exists = false; }
    [[nodiscard]] aoetarget::Geometry geometry() const override { return disk_.geometry; }
    std::uint64_t refresh_sectors() override { return disk_.present_sectors; }
    void submit(aoetarget::Io& io) override { disk_.submit(io); }
    [[nodiscard]] bool refuses_writes() const override { return disk_.refuses_writes; }

  private:
    Disk& disk_;
};

} // namespace aoetest
