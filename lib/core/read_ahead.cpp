// Reads ahead for one export.
#include "core/read_ahead.hpp"

#include <algorithm>

namespace aoetarget::core {

ReadAhead::ReadAhead(const Backing& backing, PieceStore& pieces, Order& order, ExportStats& counters)
    : pieces_(pieces), order_(order), counters_(counters), backing_(backing), is_wanted_(can_read_ahead()),
      streams_(pieces.piece_sectors()) {}

bool ReadAhead::can_read_ahead() const {
    return backing_.geometry.read_ahead && pieces_.size() > 0 &&
           pieces_.piece_sectors() % backing_.blocks.sectors == 0;
}

void ReadAhead::device_changed() {
    pieces_.forget(this);
    has_pieces_ = false;
    is_wanted_ = can_read_ahead();
}

bool ReadAhead::answer_from_piece(const Request& read) {
    Piece* piece = pieces_.find(this, read.range);
    if (piece == nullptr || piece->fetching)
        return false;
    serve(*piece, read);
    note(read.range); // which may take this piece
    return true;
}

void ReadAhead::serve(Piece& piece, const Request& read) {
    const std::size_t offset = (read.range.first - piece.range.first) * sector_bytes;
    std::ranges::copy(piece.memory.subspan(offset, read.range.bytes()), read.data().begin());
    piece.used_up = piece.used_up || read.range.end() + read.range.count > piece.range.end();
    ++counters_.read_ahead;
}

void ReadAhead::fetch_after(const SectorRange& read) {
    SectorRange wanted = streams_.note(read);
    if (wanted.count == 0)
        return;
    wanted.first = backing_.blocks.around(wanted).first;
    const std::uint64_t device_sectors = backing_.geometry.sectors;
    if (wanted.first >= device_sectors)
        return;
    wanted.count = std::min(wanted.count, device_sectors - wanted.first);
    if (!order_.is_free_to_read(wanted))
        return; // the fetch would have to wait, and requests for its parts would wait for it
    Piece* piece = pieces_.take(this, wanted);
    if (piece == nullptr)
        return;
    streams_.fetched();
    has_pieces_ = true;
    order_.place_fetch(*piece);
}

void ReadAhead::wait(Operation& fetch, Request* read) {
    read->next = fetch.first;
    fetch.first = read;
    ++fetch.count;
}

void ReadAhead::fetched(Piece& piece, int error, Time now) {
    piece.spoilt = piece.spoilt || error != 0;
    pieces_.fetched(piece, now);
}

} // namespace aoetarget::core
