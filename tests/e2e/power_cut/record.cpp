#include "power_cut.hpp"

#include <cstring>
#include <fstream>

namespace aoetest::power_cut {

namespace {

// SplitMix64: one step of it mixes well enough to make contents from numbers.
std::uint64_t mixed(std::uint64_t value) {
    value += 0x9E3779B97F4A7C15u;
    value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9u;
    value = (value ^ (value >> 27)) * 0x94D049BB133111EBu;
    return value ^ (value >> 31);
}

constexpr std::size_t version_at = 24;

} // namespace

Bytes sector_contents(std::uint64_t seed, std::uint8_t slot, std::uint64_t lba, Version version) {
    Bytes contents(sector_bytes, 0);
    if (version == 0)
        return contents;
    std::array<std::uint64_t, sector_bytes / 8> words{seed, slot, lba, version};
    static_assert(version_at == 3 * sizeof words[0]);
    std::uint64_t state = mixed(mixed(mixed(seed + slot) ^ lba) ^ version);
    for (std::size_t i = 4; i < words.size(); ++i)
        words[i] = state = mixed(state);
    std::memcpy(contents.data(), words.data(), contents.size());
    return contents;
}

Mac listed_mac(Version version) {
    return numbered_mac(0x10000 + static_cast<unsigned>(version));
}

Version claimed_version(const std::uint8_t* sector) {
    Version version = 0;
    std::memcpy(&version, sector + version_at, sizeof version);
    return version;
}

void save(const Record& record, const std::string& path) {
    std::ofstream file(path);
    file << "seed " << record.seed << '\n';
    for (const auto& [slot, one] : record.exports) {
        file << "export " << unsigned{slot} << ' ' << one.sectors << ' ' << one.writes << ' ' << one.flushes
             << '\n';
        for (const auto& [lba, sector] : one.touched)
            file << "sector " << lba << ' ' << sector.acknowledged << ' ' << sector.sent << ' '
                 << sector.flushed << '\n';
    }
    for (const StateRecord& part : record.state)
        file << "state " << part.acknowledged << ' ' << part.sent << '\n';
    file << "end" << std::endl;
    if (!file)
        throw Failure("cannot write " + path);
}

Record load(const std::string& path) {
    std::ifstream file(path);
    Record record;
    ExportRecord* current = nullptr;
    std::size_t part = 0;
    for (std::string word; file >> word && word != "end";) {
        if (word == "seed") {
            file >> record.seed;
        } else if (word == "export") {
            unsigned slot = 0;
            file >> slot;
            current = &record.exports[static_cast<std::uint8_t>(slot)];
            file >> current->sectors >> current->writes >> current->flushes;
        } else if (word == "sector" && current != nullptr) {
            std::uint64_t lba = 0;
            file >> lba;
            SectorRecord& sector = current->touched[lba];
            file >> sector.acknowledged >> sector.sent >> sector.flushed;
        } else if (word == "state" && part < state_parts) {
            file >> record.state[part].acknowledged >> record.state[part].sent;
            ++part;
        } else {
            break;
        }
    }
    if (!file)
        throw Failure(path + " is not a whole record");
    return record;
}

} // namespace aoetest::power_cut
