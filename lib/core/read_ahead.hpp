// Reading ahead, where a device says that this is all right: data of a sequential stream is fetched in large
// pieces before it is asked for, so that a small window is not held up by the disk for each request. What was
// read ahead of a sector is given up as soon as a change of it is admitted, and after a short time in any
// case.
#pragma once

#include "core/order.hpp"
#include "core/read_streams.hpp"

namespace aoetarget::core {

/// Of one export.
class ReadAhead {
  public:
    ReadAhead(const Geometry& geometry, const Blocks& blocks, PieceStore& pieces, Order& order,
              ExportStats& counters);
    ~ReadAhead() { pieces_.forget(this); }
    ReadAhead(const ReadAhead&) = delete;
    ReadAhead& operator=(const ReadAhead&) = delete;

    /// Gives a read its data where they were read ahead. They are as good as the disk's, for they are given
    /// up when a change of them is admitted.
    bool answer(const Request& read) { return has_pieces_ && answer_from_piece(read); }
    /// A read was admitted. Where it continues a stream, fetches what will probably be asked for next.
    void note(const SectorRange& read) {
        if (is_wanted_)
            fetch_after(read);
    }
    /// A change of these blocks was admitted.
    void spoil(const SectorRange& blocks) {
        if (has_pieces_)
            pieces_.spoil(this, blocks);
    }

    /// A read waits for a fetch that has all that it asks for.
    static void wait(Operation& fetch, Request* read);
    /// Gives a read its part of what was fetched.
    void serve(Piece& piece, const Request& read);
    void fetched(Piece& piece, int error, Time now);

  private:
    bool answer_from_piece(const Request& read);
    void fetch_after(const SectorRange& read);

    PieceStore& pieces_;
    Order& order_;
    ExportStats& counters_;
    const Blocks blocks_;
    const std::uint64_t device_sectors_;
    const bool is_wanted_;
    bool has_pieces_ = false; ///< False: the store has surely none of this device.
    ReadStreams streams_;
};

} // namespace aoetarget::core
