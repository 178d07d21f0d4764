// Finds out which reads of an export follow one another.
#pragma once

#include <aoetarget/address.hpp>

#include <array>

namespace aoetarget::core {

/// The streams of one export: reads that continue where the last one ended.
class ReadStreams {
  public:
    /// `piece_sectors` is the size of a fetch.
    explicit ReadStreams(std::uint64_t piece_sectors) : piece_sectors_(piece_sectors) {}

    /// Takes note of an admitted read. Returns the range to fetch now, or an empty one. Unless fetched() is
    /// called, the next read of the stream returns it again.
    SectorRange note(const SectorRange& read);
    /// Takes note that the range that note() has just returned is being fetched.
    void fetched() { noted_->fetched_end += piece_sectors_; }

  private:
    /// A stream must be this long, so that a large random read, which comes as many small ones, does not
    /// count as one.
    [[nodiscard]] std::uint64_t least_sectors() const { return piece_sectors_ / 2; }
    /// The distance by which requests of a stream may overtake each other.
    [[nodiscard]] std::uint64_t disorder_sectors() const { return piece_sectors_ / 4; }

    struct Stream {
        std::uint64_t next = 0;        ///< The sector at which it continues.
        std::uint64_t sectors = 0;     ///< Sectors read one after the other.
        std::uint64_t fetched_end = 0; ///< The end of the fetched part.
        std::uint64_t used = 0;        ///< Time of the last read, counted in reads of the export.
    };

    std::uint64_t piece_sectors_;
    std::array<Stream, 4> streams_;
    Stream* noted_ = streams_.data(); ///< The last stream for which note() returned a range.
    std::uint64_t reads_ = 0;
};

} // namespace aoetarget::core
