// What the power cut test does beside the virtual machine, one verb each:
//
//     power_cut write INTERFACE TARGET_MAC RECORD SEED EXPORT...   writes until SIGTERM, then leaves the
//     record power_cut replay LOG IMAGE [SEED]                            what a disk with a volatile cache
//     was left with power_cut verify RECORD SLOT IMAGE                           compares an image with what
//     was acknowledged
//
// An EXPORT is SLOT:SECTORS, or SLOT:SECTORS:flush for one that is to get FLUSH CACHE now and then.
#pragma once

#include "wire.hpp"

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

struct Record {
    std::uint64_t seed = 0;
    std::map<std::uint8_t, ExportRecord> exports; ///< By slot.
};

void save(const Record& record, const std::string& path);
Record load(const std::string& path);

/// The 512 bytes that write `version` puts into a sector: they name run, export, sector and version, and the
/// rest follows from these.
Bytes sector_contents(std::uint64_t seed, std::uint8_t slot, std::uint64_t lba, Version version);
/// The version that such contents claim to be.
Version claimed_version(const std::uint8_t* sector);

} // namespace aoetest::power_cut
