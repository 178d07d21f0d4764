// Which reads of an export follow one another.
#pragma once

#include <aoetarget/address.hpp>

#include <array>

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

} // namespace aoetarget::core
