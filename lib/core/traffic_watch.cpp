// Counts by initiator, and puts the counts into words.
#include "core/traffic_watch.hpp"

#include "core/mac_key.hpp"

#include <fmt/format.h>

#include <string_view>

namespace aoetarget::core {

void TrafficWatch::note(Sign sign, const MacAddress& source) {
    has_noted_ = true;
    const std::uint64_t odd = key_spread * (2 * periods_ + 1); // other sources share a place next time
    Place& place = places_[mac_key(source) * odd >> 58];
    static_assert(places == 1 << (64 - 58));
    if (place.is_free())
        place.source = source;
    if (place.source == source)
        ++place.counts[static_cast<std::size_t>(sign)];
}

void TrafficWatch::run(Time now, EventLog* events) {
    if (!has_noted_)
        return;
    if (!due_)
        due_ = now + period;
    if (now < *due_)
        return;
    for (Place& place : places_) {
        if (!place.is_free() && events != nullptr)
            tell(place, *events);
        place = {};
    }
    ++periods_;
    has_noted_ = false;
    due_.reset();
}

void TrafficWatch::tell(const Place& place, EventLog& events) {
    struct Words {
        EventKind kind;
        std::uint32_t least; ///< Fewer requests are not told.
        std::string_view text;
    };
    constexpr std::array<Words, signs> words_of{{
        {EventKind::initiator_flooding, many,
         "of its requests were dropped within a second, because it had as many under way as one initiator "
         "may "
         "have. It ignores the number of buffers that the target advertises, or a disk does not answer. "
         "Others "
         "are served."},
        {EventKind::initiator_repeating, many,
         "of its requests came again within a second while the disk was working on them. The disk is slow "
         "for "
         "this initiator, or the network delivers frames twice. Each is carried out once."},
        {EventKind::stale_writes, 1,
         "of its writes came so late that they would have undone newer ones, and were dropped. The network "
         "delays frames, or the initiator sends old ones again."},
    }};
    for (std::size_t sign = 0; sign < signs; ++sign) {
        const auto& [kind, least, text] = words_of[sign];
        if (place.counts[sign] >= least)
            events.tell(Severity::warning, kind, to_string(place.source),
                        fmt::format("{} {}", place.counts[sign], text));
    }
}

} // namespace aoetarget::core
