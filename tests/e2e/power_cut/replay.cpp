// Brings an image from its state before the run to what a disk with a volatile cache is left with after a
// power cut: everything up to the last flush, and of what came later nothing, or with a SEED a random half.
// Reads what QEMU's blklogwrites driver writes, which is the format of Linux's dm-log-writes. It logs a flush
// when that is done: a write that ends while a flush is running counts as covered by it, which a real disk
// need not grant, and a target that relies on it is not found out here.
#include "power_cut.hpp"

#include <cstring>
#include <fstream>
#include <iostream>
#include <random>

#include <endian.h>
#include <sys/stat.h>

namespace aoetest::power_cut {

namespace {

constexpr std::uint64_t log_magic = 0x6A736677736872;
constexpr std::uint64_t flag_flush = 1, flag_fua = 2, flag_discard = 4, flag_mark = 8;

struct Entry {
    std::uint64_t sector = 0;
    std::uint64_t sectors = 0;
    std::uint64_t flags = 0;
    std::uint64_t data_at = 0;

    [[nodiscard]] std::uint64_t data_bytes() const {
        return (flags & flag_discard) != 0 ? 0 : sectors * sector_bytes;
    }
    [[nodiscard]] std::uint64_t end() const { return data_at + data_bytes(); }
};

class Log {
  public:
    Log(const std::string& path, std::uint64_t disk_sectors)
        : path_(path), file_(path, std::ios::binary), disk_sectors_(disk_sectors) {
        file_.seekg(0, std::ios::end);
        end_ = static_cast<std::uint64_t>(file_.tellg());
        std::array<std::uint64_t, 2> head{};
        read(0, head.data(), sizeof head);
        // The head is written with the first flush.
        if (head[0] != 0 && (le64toh(head[0]) != log_magic || le64toh(head[1]) != 1))
            throw Failure(path + " is not a log of writes");
    }

    std::vector<Entry> entries() {
        std::vector<Entry> found;
        std::uint64_t holes = 0;
        for (std::uint64_t at = sector_bytes; at + sector_bytes <= end_;) {
            const std::optional<Entry> entry = entry_at(at);
            if (entry) {
                found.push_back(*entry);
                at = entry->end();
                continue;
            }
            // QEMU gives an entry its place before it writes it: the one under way at the kill may be missing
            // while later ones are there. Its length is unknown, but data that looks like an entry is not to
            // be feared: the rest of an entry's sector is zeros.
            if (++holes > max_hole)
                break;
            at += sector_bytes;
            if (entry_at(at))
                holes = 0;
        }
        return found;
    }

    void read(std::uint64_t at, void* data, std::size_t bytes) {
        file_.seekg(static_cast<std::streamoff>(at));
        file_.read(static_cast<char*>(data), static_cast<std::streamsize>(bytes));
        if (!file_)
            throw Failure("cannot read " + path_);
    }

  private:
    static constexpr std::uint64_t max_hole = 16384; ///< Sectors; more than the writes that can be under way.

    std::optional<Entry> entry_at(std::uint64_t at) {
        if (at + sector_bytes > end_)
            return std::nullopt;
        std::array<std::uint64_t, sector_bytes / 8> words{};
        read(at, words.data(), sector_bytes);
        const Entry entry{le64toh(words[0]), le64toh(words[1]), le64toh(words[2]), at + sector_bytes};
        for (std::size_t i = 3; i < words.size(); ++i)
            if (words[i] != 0)
                return std::nullopt;
        const bool on_disk = entry.sector <= disk_sectors_ && entry.sectors <= disk_sectors_ - entry.sector;
        const bool known = entry.flags <= (flag_flush | flag_fua | flag_discard | flag_mark);
        const bool empty = entry.sectors == 0 && (entry.flags & (flag_flush | flag_mark)) == 0;
        if (!on_disk || !known || empty || entry.end() > end_)
            return std::nullopt;
        return entry;
    }

    std::string path_;
    std::ifstream file_;
    std::uint64_t disk_sectors_;
    std::uint64_t end_ = 0;
};

std::uint64_t size_of(const std::string& path) {
    struct stat status {};
    if (::stat(path.c_str(), &status) != 0)
        throw Failure("there is no " + path);
    return static_cast<std::uint64_t>(status.st_size);
}

std::size_t count_up_to_last_flush(const std::vector<Entry>& entries) {
    for (std::size_t count = entries.size(); count > 0; --count)
        if ((entries[count - 1].flags & flag_flush) != 0)
            return count;
    return 0;
}

} // namespace

int replay(const Arguments& arguments) {
    Log log(arguments[0], size_of(arguments[1]) / sector_bytes);
    std::fstream image(arguments[1], std::ios::binary | std::ios::in | std::ios::out);
    const bool some_more = arguments.size() > 2;
    std::mt19937_64 random(some_more ? std::stoull(arguments[2]) : 0);
    const std::vector<Entry> entries = log.entries();
    const std::size_t flushed = count_up_to_last_flush(entries);
    std::size_t left_behind = 0;
    std::vector<char> data;
    for (std::size_t i = 0; i < entries.size(); ++i) {
        const Entry& entry = entries[i];
        if ((entry.flags & flag_discard) != 0)
            throw Failure("the disk was to take no discards");
        const bool stable = i < flushed || (entry.flags & flag_fua) != 0;
        if (!stable && !(some_more && random() % 2 == 0)) {
            ++left_behind;
            continue;
        }
        data.resize(entry.data_bytes());
        log.read(entry.data_at, data.data(), data.size());
        image.seekp(static_cast<std::streamoff>(entry.sector * sector_bytes));
        image.write(data.data(), static_cast<std::streamsize>(data.size()));
    }
    image.flush();
    if (!image)
        throw Failure("cannot write " + arguments[1]);
    std::cout << entries.size() - left_behind << " of " << entries.size() << " writes and flushes"
              << std::endl;
    return 0;
}

} // namespace aoetest::power_cut
