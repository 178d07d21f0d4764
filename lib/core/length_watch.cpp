// Counts repetitions, and tells frames that get lost for their length from those that get lost by chance.
#include "core/length_watch.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>

namespace aoetarget::core {

std::optional<LengthWatch::Finding> LengthWatch::note(const MacAddress& initiator, const Address& exported,
                                                      const Exchange& exchange, Time now) {
    Pair* pair = find(initiator, exported);
    const bool is_known = pair != nullptr && now - pair->last_seen <= silence;
    if (pair == nullptr)
        pair = &*std::ranges::min_element(pairs_, {}, &Pair::last_seen);
    if (!is_known)
        *pair = {.initiator = initiator, .exported = exported};
    pair->last_seen = now;
    const auto end = pair->exchanges.begin() + static_cast<std::ptrdiff_t>(pair->used);
    const auto same = std::find_if(pair->exchanges.begin(), end, [&](const Exchange& earlier) {
        return earlier.request == exchange.request;
    });
    if (same != end && exchange.is_write)
        return {};
    if (same != end)
        pair->repeat(static_cast<std::size_t>(same - pair->exchanges.begin()));
    else if (is_known && exchange.is_greeting)
        return {}; // a look at a disk whose reads may be few and always the same
    else
        pair->add(exchange);
    const auto finding = pair->judge();
    if (!finding || pair->told != 0)
        return {};
    pair->told = finding->lost;
    return finding;
}

void LengthWatch::forget(const MacAddress& initiator, const Address& exported) {
    if (Pair* pair = find(initiator, exported))
        pair->used = pair->told = 0;
}

LengthWatch::Pair* LengthWatch::find(const MacAddress& initiator, const Address& exported) {
    const auto found = std::ranges::find_if(
        pairs_, [&](const Pair& pair) { return pair.initiator == initiator && pair.exported == exported; });
    return found != pairs_.end() ? &*found : nullptr;
}

/// If there is no room, there was progress: short exchanges alone do not end what was told. Whoever asks for
/// something new that is long may have got all that was repeated before, so the count begins anew.
void LengthWatch::Pair::add(const Exchange& exchange) {
    if (used == few) {
        if (std::ranges::any_of(all(), [&](const Exchange& e) { return e.repeats == 0 && e.bytes >= told; }))
            told = 0;
        used = 0;
    }
    if (exchange.bytes >= shortest_repeated()) {
        for (Exchange& earlier : exchanges)
            earlier.repeats = 0;
    }
    exchanges[used++] = exchange;
}

/// What was asked earlier, was as long, and did not come again has arrived: it ends all that was before.
void LengthWatch::Pair::repeat(std::size_t place) {
    Exchange& repeated = exchanges[place];
    if (repeated.repeats++ > 0)
        return;
    std::size_t past = place;
    while (past > 0 && (exchanges[past - 1].repeats > 0 || exchanges[past - 1].bytes < repeated.bytes))
        --past;
    std::shift_left(exchanges.begin(), exchanges.end(), static_cast<std::ptrdiff_t>(past));
    used -= past;
}

/// Returns the length of the shortest exchange that came again, SIZE_MAX if none did.
std::size_t LengthWatch::Pair::shortest_repeated() const {
    std::size_t shortest = SIZE_MAX;
    for (const Exchange& exchange : all()) {
        if (exchange.repeats > 0)
            shortest = std::min(shortest, exchange.bytes);
    }
    return shortest;
}

/// Chance would hit some of the short frames too, and leave out some of the long ones.
std::optional<LengthWatch::Finding> LengthWatch::Pair::judge() const {
    const std::size_t lost = shortest_repeated();
    std::size_t arriving = 0;
    std::uint32_t repeats = 0;
    for (const Exchange& exchange : all()) {
        if (exchange.bytes < lost)
            arriving = std::max(arriving, exchange.bytes);
        else if (exchange.repeats == 0)
            return {};
        else
            repeats += exchange.repeats;
    }
    if (arriving == 0 || repeats < often)
        return {};
    return Finding{lost, arriving};
}

std::string to_text(const LengthWatch::Finding& finding, const Address& exported,
                    const std::string& interface) {
    return fmt::format(
        "Frames of {} bytes seem to get lost on their way from {} to it, and those of {} bytes do not: it "
        "asks "
        "for the same again and again, although it was answered. Unless a program there does so by itself, a "
        "switch or a bridge behind {} has a smaller MTU than the two ends. Lower sectors-per-frame of {} to "
        "what the path carries, or raise the MTU on the way; 'aoetarget probe', on the initiator, finds the "
        "largest frame.",
        finding.lost, to_string(exported), finding.arriving, interface, interface);
}

} // namespace aoetarget::core
