// Reading ahead, where a device says that this is all right: data of a sequential stream is fetched in large
// pieces before it is asked for, so that a small window is not held up by the disk for each request. What was
// read ahead of a sector is given up as soon as a change of it is admitted, and after a short time in any
// case.
#pragma once

#include "core/time.hpp"
#include "protocol/bytes.hpp"

#include <aoetarget/address.hpp>

#include <array>
#include <optional>
#include <vector>

namespace aoetarget::core {

/// The streams of one export: who reads on where the last read ended.
class ReadStreams {
  public:
    /// `piece_sectors`: what is fetched at once.
    explicit ReadStreams(std::uint64_t piece_sectors) : piece_sectors_(piece_sectors) {}

    /// A read was admitted. Returns what to fetch now; empty: nothing. It is said again with the next read of
    /// the stream unless fetched() was called.
    SectorRange note(const SectorRange& read);
    /// What note() has just named is being fetched.
    void fetched() { noted_->fetched_end += piece_sectors_; }

  private:
    /// So that a large random read, which comes as many small ones, is not taken for a stream.
    [[nodiscard]] std::uint64_t least_sectors() const { return piece_sectors_ / 2; }
    /// How far requests of a stream may overtake each other.
    [[nodiscard]] std::uint64_t disorder_sectors() const { return piece_sectors_ / 4; }

    struct Stream {
        std::uint64_t next = 0;        ///< Where it goes on.
        std::uint64_t sectors = 0;     ///< Read one after the other.
        std::uint64_t fetched_end = 0; ///< Up to here it was fetched.
        std::uint64_t used = 0;        ///< When, in reads of the export.
    };

    std::uint64_t piece_sectors_;
    std::array<Stream, 4> streams_;
    Stream* noted_ = streams_.data(); ///< The last that something is to be fetched for.
    std::uint64_t reads_ = 0;
};

/// A piece that was or is being fetched.
struct Piece {
    Bytes memory;
    const void* owner = nullptr; ///< The scheduler whose device it is from; null: unused.
    SectorRange range;
    /// Where changes were admitted since it was fetched, from the first of these sectors to the last.
    SectorRange changed;
    bool fetching = false;
    /// A change of it was admitted while it was being fetched: who waited before that may have it, nobody
    /// else.
    bool spoilt = false;
    /// Too little is left for another request: the reader is through with it.
    bool used_up = false;
    Time fetched{};
};

/// Memory for pieces of all exports together. Where there are more readers than pieces, the latest have none:
/// that is better than to fetch what is given up before it is asked for.
class PieceStore {
  public:
    /// How long data may be kept.
    static constexpr Time longest = std::chrono::milliseconds(100);

    /// `memory`: a whole number of pieces, aligned to 4096; none: nothing is fetched. Devices whose blocks do
    /// not divide a piece are left alone.
    PieceStore(Bytes memory, std::uint64_t piece_sectors) : piece_sectors_(piece_sectors) {
        const std::size_t bytes = piece_sectors * sector_bytes;
        for (std::size_t at = 0; at + bytes <= memory.size(); at += bytes)
            pieces_.emplace_back().memory = memory.subspan(at, bytes);
    }

    [[nodiscard]] std::size_t size() const { return pieces_.size(); }
    [[nodiscard]] std::uint64_t piece_sectors() const { return piece_sectors_; }
    /// Null where none is to spare.
    Piece* take(const void* owner, const SectorRange& range);
    /// The piece of this owner that holds all these sectors as they are, or will; null: none.
    Piece* find(const void* owner, const SectorRange& range);
    void fetched(Piece& piece, Time now);
    /// These sectors are about to be changed.
    void spoil(const void* owner, const SectorRange& range);
    /// The owner is going away, with nothing being fetched for it.
    void forget(const void* owner);

    /// Gives up what has been kept for long enough.
    void expire(Time now);
    /// When that has to be called next.
    [[nodiscard]] std::optional<Time> next_expiry() const { return next_expiry_; }

  private:
    std::uint64_t piece_sectors_;
    std::vector<Piece> pieces_;
    std::optional<Time> next_expiry_;
};

} // namespace aoetarget::core
