// Gives out pieces, and gives them up when they are old or changed.
#include "core/pieces.hpp"

#include "core/mutation.hpp"

#include <algorithm>

namespace aoetarget::core {
namespace {

/// Returns the range from the first sector of both to the last.
SectorRange hull(const SectorRange& one, const SectorRange& other) {
    if (one.count == 0)
        return other;
    const std::uint64_t first = std::min(one.first, other.first);
    return {first, std::max(one.end(), other.end()) - first};
}

} // namespace

Piece* PieceStore::take(const ReadAhead* owner, const SectorRange& range) {
    const auto is_unused = [](const Piece& piece) { return piece.owner == nullptr; };
    const auto is_used_up = [](const Piece& piece) { return piece.used_up && !piece.fetching; };
    const auto is_to_spare = [&](const Piece& piece) { return is_unused(piece) || is_used_up(piece); };
    const auto is_with_device = [&](const Piece& piece) { return piece.owner == owner && piece.fetching; };
    if (std::ranges::count_if(pieces_, is_with_device) >= std::ranges::count_if(pieces_, is_to_spare) &&
        !mutated(Mutation::no_quotas))
        return nullptr;
    auto found = std::ranges::find_if(pieces_, is_unused);
    if (found == pieces_.end())
        found = std::ranges::find_if(pieces_, is_used_up);
    if (found == pieces_.end())
        return nullptr;
    found->owner = owner;
    found->range = range;
    found->changed = {};
    found->fetching = true;
    found->spoilt = found->used_up = false;
    return &*found;
}

Piece* PieceStore::find(const ReadAhead* owner, const SectorRange& range) {
    const auto found = std::ranges::find_if(pieces_, [&](const Piece& piece) {
        return piece.owner == owner && !piece.spoilt && piece.range.contains(range) &&
               !piece.changed.overlaps(range);
    });
    return found != pieces_.end() ? &*found : nullptr;
}

void PieceStore::fetched(Piece& piece, Time now) {
    piece.fetching = false;
    piece.fetched = now;
    if (piece.spoilt)
        piece.owner = nullptr;
    else if (!next_expiry_)
        next_expiry_ = now + longest;
}

void PieceStore::spoil(const ReadAhead* owner, const SectorRange& range) {
    if (mutated(Mutation::keep_spoilt))
        return;
    for (Piece& piece : pieces_) {
        if (piece.owner != owner || !piece.range.overlaps(range))
            continue;
        if (piece.fetching) {
            piece.spoilt = true;
            continue;
        }
        piece.changed = hull(piece.changed, range);
        if (piece.changed.contains(piece.range))
            piece.owner = nullptr;
    }
}

void PieceStore::forget(const ReadAhead* owner) {
    for (Piece& piece : pieces_) {
        if (piece.owner == owner)
            piece.owner = nullptr;
    }
}

void PieceStore::expire(Time now) {
    if (!next_expiry_ || now < *next_expiry_)
        return;
    next_expiry_.reset();
    for (Piece& piece : pieces_) {
        if (piece.owner == nullptr || piece.fetching)
            continue;
        if (piece.fetched + longest <= now)
            piece.owner = nullptr;
        else
            next_expiry_ = std::min(next_expiry_.value_or(Time::max()), piece.fetched + longest);
    }
}

} // namespace aoetarget::core
