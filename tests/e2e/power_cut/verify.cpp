// Compares an image with the record. Prints one line of numbers, and on standard error what the first wrong
// sectors hold. Losses are the caller's to judge; only what can be no state of any disk is an error here.
#include "power_cut.hpp"

#include <cstring>
#include <fstream>
#include <iostream>

namespace aoetest::power_cut {

namespace {

struct Verdict {
    unsigned lost = 0;                   ///< Sectors without their newest acknowledged write.
    unsigned lost_in_spite_of_flush = 0; ///< Those of them that a flush had covered.
    unsigned wrong = 0;                  ///< Sectors with what was never written there.
    unsigned told = 0;
};

void tell(Verdict& verdict, std::uint64_t lba, const SectorRecord& sector, const std::string& what) {
    if (++verdict.told <= 5)
        std::cerr << "sector " << lba << ": " << what << "; acknowledged " << sector.acknowledged << ", sent "
                  << sector.sent << ", flushed " << sector.flushed << '\n';
}

void judge(Verdict& verdict, std::uint64_t lba, const SectorRecord& sector, Version found, bool genuine) {
    if (!genuine || found > sector.sent) {
        ++verdict.wrong;
        return tell(verdict, lba, sector, "holds what was never written there");
    }
    if (found >= sector.acknowledged)
        return;
    ++verdict.lost;
    if (found < sector.flushed)
        ++verdict.lost_in_spite_of_flush;
    tell(verdict, lba, sector, "holds version " + std::to_string(found));
}

} // namespace

int verify(const Arguments& arguments) {
    const Record record = load(arguments[0]);
    const auto slot = static_cast<std::uint8_t>(std::stoul(arguments[1]));
    const ExportRecord& one = record.exports.at(slot);
    std::ifstream image(arguments[2], std::ios::binary);
    Verdict verdict;
    Bytes contents(sector_bytes);
    for (std::uint64_t lba = 0; lba < one.sectors; ++lba) {
        image.read(reinterpret_cast<char*>(contents.data()), sector_bytes);
        if (!image)
            throw Failure(arguments[2] + " ends at sector " + std::to_string(lba));
        const Version found = claimed_version(contents.data());
        const bool genuine = contents == sector_contents(record.seed, slot, lba, found);
        const auto touched = one.touched.find(lba);
        judge(verdict, lba, touched == one.touched.end() ? SectorRecord{} : touched->second, found, genuine);
    }
    std::cout << one.writes << ' ' << one.flushes << ' ' << verdict.lost << ' '
              << verdict.lost_in_spite_of_flush << ' ' << verdict.wrong << std::endl;
    return 0;
}

} // namespace aoetest::power_cut
