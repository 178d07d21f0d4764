// Pieces of disks that were read ahead.
#pragma once

#include "core/time.hpp"
#include "protocol/bytes.hpp"

#include <aoetarget/address.hpp>

#include <optional>
#include <vector>

namespace aoetarget::core {

class ReadAhead;

/// A piece that was or is being fetched.
struct Piece {
    Bytes memory;
    const ReadAhead* owner = nullptr; ///< Of the export from whose device it is; null: unused.
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
    Piece* take(const ReadAhead* owner, const SectorRange& range);
    /// The piece of this owner that holds all these sectors as they are, or will; null: none.
    Piece* find(const ReadAhead* owner, const SectorRange& range);
    void fetched(Piece& piece, Time now);
    /// These sectors are about to be changed.
    void spoil(const ReadAhead* owner, const SectorRange& range);
    /// The owner is going away, with nothing being fetched for it.
    void forget(const ReadAhead* owner);

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
