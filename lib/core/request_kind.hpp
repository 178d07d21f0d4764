// The kind of an ATA request, for the figures.
#pragma once

#include "protocol/ata.hpp"

#include <aoetarget/stats.hpp>

namespace aoetarget::core {

inline RequestKind kind_of(protocol::AtaAction action) {
    switch (action) {
    case protocol::AtaAction::read:
        return RequestKind::read;
    case protocol::AtaAction::write:
        return RequestKind::write;
    case protocol::AtaAction::flush:
    case protocol::AtaAction::standby:
        return RequestKind::flush;
    case protocol::AtaAction::data_set_management:
        return RequestKind::discard;
    default:
        return RequestKind::other;
    }
}

} // namespace aoetarget::core
