// Reading ahead, for one export.
#include "core/read_ahead.hpp"

#include <algorithm>

namespace aoetarget::core {

ReadAhead::ReadAhead(const Geometry& geometry, const Blocks& blocks, PieceStore& pieces, Order& order,
                     ExportStats& counters)
    : pieces_(pieces), order_(order), counters_(counters), blocks_(blocks), device_sectors_(geometry.sectors),
      is_wanted_(geometry.read_ahead && pieces.size() > 0 && pieces.piece_sectors() % blocks.sectors == 0),
      streams_(pieces.piece_sectors()) {}

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
    wanted.first = blocks_.around(wanted).first;
    if (wanted.first >= device_sectors_)
        return;
    wanted.count = std::min(wanted.count, device_sectors_ - wanted.first);
    if (!order_.is_free_to_read(wanted))
        return; // it would have to wait, and then everybody for it who asks for some part
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
