// The pieces of disks that were read ahead.
#pragma once

#include "core/time.hpp"
#include "protocol/bytes.hpp"

#include <aoetarget/address.hpp>

#include <optional>
#include <vector>

namespace aoetarget::core {

class ReadAhead;

/// A piece that was fetched or is being fetched.
struct Piece {
    Bytes memory;
    const ReadAhead* owner = nullptr; ///< Belongs to the export of the device; null if the piece is unused.
    SectorRange range;
    /// The sectors from the first to the last for which changes were admitted since it was fetched.
    SectorRange changed;
    bool fetching = false;
    /// A change of it was admitted while it was being fetched. Only requests that waited before that may have
    /// its data.
    bool spoilt = false;
    /// Returns whether too little is left for another request, so that the reader is through with it.
    bool used_up = false;
    Time fetched{};
};

/// Memory for pieces of all exports together. If there are more readers than pieces, the latest readers get
/// none: that is better than to fetch data that is given up before a request comes for it. A device has at
/// once no more pieces than it leaves to others, so that a device which does not answer cannot keep all.
class PieceStore {
  public:
    /// The time for which data may be kept.
    static constexpr Time longest = std::chrono::milliseconds(100);

    /// `memory` must be a whole number of pieces, aligned to 4096 bytes; without it nothing is fetched.
    /// Nothing is fetched from devices whose blocks do not divide a piece.
    PieceStore(Bytes memory, std::uint64_t piece_sectors) : piece_sectors_(piece_sectors) {
        const std::size_t bytes = piece_sectors * sector_bytes;
        for (std::size_t at = 0; at + bytes <= memory.size(); at += bytes)
            pieces_.emplace_back().memory = memory.subspan(at, bytes);
    }

    [[nodiscard]] std::size_t size() const { return pieces_.size(); }
    [[nodiscard]] std::uint64_t piece_sectors() const { return piece_sectors_; }
    /// Returns null if no piece is to spare.
    Piece* take(const ReadAhead* owner, const SectorRange& range);
    /// Returns the piece of this owner that holds, or will hold, valid data of all these sectors, or null.
    Piece* find(const ReadAhead* owner, const SectorRange& range);
    void fetched(Piece& piece, Time now);
    /// Takes note that these sectors are about to be changed.
    void spoil(const ReadAhead* owner, const SectorRange& range);
    /// Gives up the pieces of an owner that is going away. Nothing may be being fetched for it.
    void forget(const ReadAhead* owner);

    /// Gives up pieces that have been kept for long enough.
    void expire(Time now);
    /// Returns when expire() has to be called next.
    [[nodiscard]] std::optional<Time> next_expiry() const { return next_expiry_; }

  private:
    std::uint64_t piece_sectors_;
    std::vector<Piece> pieces_;
    std::optional<Time> next_expiry_;
};

} // namespace aoetarget::core
