// Names for the values of the figures.
#include <aoetarget/stats.hpp>

namespace aoetarget {

const char* to_string(RequestKind kind) {
    switch (kind) {
    case RequestKind::read:
        return "read";
    case RequestKind::write:
        return "write";
    case RequestKind::flush:
        return "flush";
    case RequestKind::discard:
        return "discard";
    case RequestKind::other:
        break;
    }
    return "other";
}

const char* to_string(ExportStats::State state) {
    switch (state) {
    case ExportStats::State::failing:
        return "failing";
    case ExportStats::State::refusing_writes:
        return "refusing-writes";
    case ExportStats::State::vanished:
        return "vanished";
    case ExportStats::State::conflict:
        return "conflict";
    case ExportStats::State::ok:
        break;
    }
    return "ok";
}

} // namespace aoetarget
