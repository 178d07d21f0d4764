// Turns a device's error into its form on the wire (lib/protocol/README.md, "Device errors").
#pragma once

#include "protocol/ata.hpp"

#include <cerrno>
#include <optional>

namespace aoetarget::core {

struct AtaOutcome {
    std::uint8_t status = protocol::ata_status_ready;
    std::uint8_t error = 0;

    [[nodiscard]] bool failed() const { return (status & protocol::ata_status_error) != 0; }
};

inline constexpr AtaOutcome ata_success{};
inline constexpr AtaOutcome ata_abort{protocol::ata_status_ready | protocol::ata_status_error,
                                      protocol::ata_error_abort};
inline constexpr AtaOutcome ata_not_found{protocol::ata_status_ready | protocol::ata_status_error,
                                          protocol::ata_error_id_not_found};
inline constexpr AtaOutcome ata_uncorrectable{protocol::ata_status_ready | protocol::ata_status_error,
                                              protocol::ata_error_uncorrectable};
inline constexpr AtaOutcome ata_device_fault{protocol::ata_status_ready | protocol::ata_status_error |
                                                 protocol::ata_status_device_fault,
                                             protocol::ata_error_abort};

/// Returns nothing if there must be no answer: the initiator repeats a request for which resources were
/// missing.
inline std::optional<AtaOutcome> outcome_of(protocol::AtaAction action, int error) {
    const bool only_reads = action == protocol::AtaAction::read || action == protocol::AtaAction::verify;
    switch (error) {
    case 0:
        return ata_success;
    case EAGAIN:
    case ENOMEM:
        return std::nullopt;
    case ENODEV:
    case ENXIO:
    case ENOMEDIUM:
        return ata_device_fault;
    case EROFS:
    case EBADF:
    case EPERM:
    case EOPNOTSUPP:
        return ata_abort;
    default:
        return only_reads ? ata_uncorrectable : ata_device_fault;
    }
}

} // namespace aoetarget::core
