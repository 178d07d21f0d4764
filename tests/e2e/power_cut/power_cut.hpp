// What the power cut test does beside the virtual machine, one verb each:
// "power_cut write INTERFACE TARGET_MAC RECORD SEED EXPORT..." writes until SIGTERM, then leaves the record.
// "power_cut replay LOG IMAGE [SEED]" makes what a disk with a volatile cache was left with.
// "power_cut verify RECORD SLOT IMAGE" compares an image with what was acknowledged.
// "power_cut verify-state RECORD STATE_FILE" does so with the protocol state.
//
// An EXPORT is SLOT:SECTORS, with :flush if it is to get FLUSH CACHE now and then, with :state (one of them)
// if its protocol state is to be changed all the time.
#pragma once

#include "wire.hpp"

#include <array>
#include <cstdint>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

namespace aoetest::power_cut {

using Arguments = std::vector<std::string>;
int write(const Arguments& arguments);
int replay(const Arguments& arguments);
int verify(const Arguments& arguments);
int verify_state(const Arguments& arguments);

/// Ends the program with a message.
struct Failure : std::runtime_error {
    using std::runtime_error::runtime_error;
};

/// Each write of a run has a number; 0 stands for what was there before the first one, which is zeros.
using Version = std::uint64_t;

/// What happened to one sector. No two writes of it are ever under way at once.
struct SectorRecord {
    Version acknowledged = 0; ///< The newest write that was answered.
    Version sent = 0; ///< The newest write; greater than `acknowledged` if it was under way at the end.
    Version flushed =
        0; ///< The newest write that had been answered before a flush was sent that was answered.
};

struct ExportRecord {
    std::uint64_t sectors = 0;
    std::uint64_t writes = 0;  ///< Answered.
    std::uint64_t flushes = 0; ///< Answered.
    std::map<std::uint64_t, SectorRecord> touched;
};

/// What happened to one part of the protocol state of the export whose state is changed.
struct StateRecord {
    Version acknowledged = 0;
    Version sent = 0;
};

enum class StatePart : std::uint8_t { config, mask, reserve };
inline constexpr std::size_t state_parts = 3;

struct Record {
    std::uint64_t seed = 0;
    std::map<std::uint8_t, ExportRecord> exports; ///< By slot.
    std::array<StateRecord, state_parts> state;   ///< By StatePart.
};

void save(const Record& record, const std::string& path);
Record load(const std::string& path);

/// The 512 bytes that write `version` puts into a sector: they name run, export, sector and version, and the
/// rest follows from these.
Bytes sector_contents(std::uint64_t seed, std::uint8_t slot, std::uint64_t lba, Version version);
/// The address that stands for version `version` in the lists of MAC addresses.
Mac listed_mac(Version version);
/// The version that such contents claim to be.
Version claimed_version(const std::uint8_t* sector);

} // namespace aoetest::power_cut
