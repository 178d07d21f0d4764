// Reading ahead, if a device permits it: data of a sequential stream is fetched in large pieces before a
// request comes for it, so that a small window does not wait for the disk with each request. Data that was
// read ahead is given up as soon as a change of it is admitted, and after a short time in any case.
#pragma once

#include "core/backing.hpp"
#include "core/order.hpp"
#include "core/read_streams.hpp"

namespace aoetarget::core {

/// Reads ahead for one export.
class ReadAhead {
  public:
    ReadAhead(const Backing& backing, PieceStore& pieces, Order& order, ExportStats& counters);
    ~ReadAhead() { pieces_.forget(this); }
    ReadAhead(const ReadAhead&) = delete;
    ReadAhead& operator=(const ReadAhead&) = delete;

    /// Gives a read its data if it was read ahead. That data is as good as the disk's, because it is given up
    /// when a change of it is admitted.
    bool answer(const Request& read) { return has_pieces_ && answer_from_piece(read); }
    /// Takes note of an admitted read. If it continues a stream, this fetches the data that the next reads
    /// will probably want.
    void note(const SectorRange& read) {
        if (is_wanted_)
            fetch_after(read);
    }
    /// Takes note of an admitted change of these blocks.
    void spoil(const SectorRange& blocks) {
        if (has_pieces_)
            pieces_.spoil(this, blocks);
    }

    /// Lets a read wait for a fetch that has all of its sectors.
    static void wait(Operation& fetch, Request* read);
    /// Gives a read its part of the fetched data.
    void serve(Piece& piece, const Request& read);
    void fetched(Piece& piece, int error, Time now);
    /// Forgets what was read ahead, because the export has another device. No fetch may be under way.
    void device_changed();

  private:
    [[nodiscard]] bool can_read_ahead() const;
    bool answer_from_piece(const Request& read);
    void fetch_after(const SectorRange& read);

    PieceStore& pieces_;
    Order& order_;
    ExportStats& counters_;
    const Backing& backing_;
    bool is_wanted_;
    bool has_pieces_ = false; ///< If false, the store surely has no piece of this device.
    ReadStreams streams_;
};

} // namespace aoetarget::core
