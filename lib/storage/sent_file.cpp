// Each rule with its text. open_file() keeps all of them.
#include "storage/sent_file.hpp"

#include "geometry.hpp"
#include "storage/file_probe.hpp"
#include "storage/open_file.hpp"
#include "storage/refusal.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <system_error>

#include <fcntl.h>
#include <sys/stat.h>

namespace aoetarget::storage {
namespace {

constexpr std::size_t max_notes = 16; // open_file() makes fewer

struct Rule {
    bool is_kept;
    std::string_view text; ///< What is wrong if it is not.
};

template <std::size_t count>
void check_rules(const Rule (&rules)[count]) {
    const auto* broken = std::ranges::find(rules, false, &Rule::is_kept);
    if (broken != std::end(rules))
        refuse_sent(broken->text);
}

constexpr std::string_view name_of(std::size_t file) {
    constexpr std::string_view names[] = {"the file", "the file of the lock",
                                          "the file of the exclusive use"};
    return names[file];
}

/// Returns the status of the file if it is of the kind that the facts tell.
struct stat check_kind(std::size_t number, const ring::FileDescriptor& file, bool regular) {
    struct stat status {};
    if (fstat(file.get(), &status) != 0 || !(regular ? S_ISREG(status.st_mode) : S_ISBLK(status.st_mode)))
        refuse_sent(fmt::format("{} is not a {}, as its facts tell", name_of(number),
                                regular ? "regular file" : "block device"));
    return status;
}

/// Returns the flags with which the file is open.
int check_flags(std::size_t number, const ring::FileDescriptor& file, bool read_only) {
    const int flags = fcntl(file.get(), F_GETFL);
    const auto check = [&](bool is_kept, std::string_view text) {
        if (!is_kept)
            refuse_sent(fmt::format("{} {}", name_of(number), text));
    };
    check(flags >= 0, "cannot be asked how it is open");
    const int access = flags & O_ACCMODE;
    check((flags & O_PATH) == 0, "is not open for I/O (O_PATH)");
    check((flags & O_APPEND) == 0, "is open for appending (O_APPEND)");       // writes would miss their place
    check((flags & O_NONBLOCK) == 0, "is open without waiting (O_NONBLOCK)"); // I/O would fail with EAGAIN
    check(access == O_RDONLY || access == O_RDWR, "is not open for reading");
    check(read_only || access == O_RDWR, "is not open for writing");
    return flags;
}

/// Locks and exclusive use belong to the inode of a device, so another node of the same device is not enough.
/// Returns the flags of the first file.
int check_each(const OpenedFile& opened, const std::vector<ring::FileDescriptor>& files) {
    const struct stat first = check_kind(0, files[0], opened.regular);
    for (std::size_t i = 1; i < files.size(); ++i) {
        const struct stat status = check_kind(i, files[i], opened.regular);
        if (status.st_dev != first.st_dev || status.st_ino != first.st_ino)
            refuse_sent(fmt::format("{} is another one than that of the data", name_of(i)));
        check_flags(i, files[i], opened.geometry.read_only);
    }
    return check_flags(0, files[0], opened.geometry.read_only);
}

FileFacts probe_sent(const ring::FileDescriptor& file) {
    try {
        return probe_file(file.get());
    } catch (const std::system_error& error) {
        throw std::system_error(error.code(), "a device that was sent cannot be asked for its size");
    }
}

} // namespace

void refuse_sent(std::string_view why) {
    throw std::system_error(EBADMSG, std::generic_category(),
                            fmt::format("a device that was sent is refused: {}", why));
}

void check_facts(const OpenedFile& opened) {
    const Geometry& geometry = opened.geometry;
    check_rules({
        {opened.path.starts_with('/'), "its path does not begin at the root"},
        {is_possible(geometry), "its geometry is impossible"},
        {geometry.rotation_rate <= 1, "its rotation rate is impossible"},
        {!geometry.discard || !geometry.read_only, "it is read-only and takes discards"},
        {geometry.discard_zeroes == geometry.discard, "it discards otherwise than a file does"},
        {opened.notes.size() <= max_notes, "it has too many notes"},
        {opened.end_bytes <= end_of_windows && opened.offset_bytes < opened.end_bytes,
         "its window is impossible"},
    });
    check_rules({
        {opened.offset_bytes % geometry.logical_block_bytes == 0, "its offset is not at a logical block"},
        {geometry.sectors * sector_bytes <= opened.end_bytes - opened.offset_bytes,
         "its sectors reach beyond its window"},
        {opened.identity.ends_with(fmt::format("+{}", opened.offset_bytes)),
         "its identity does not name its offset"},
    });
}

Cache check_files(OpenedFile& opened, const std::vector<ring::FileDescriptor>& files) {
    const Geometry& geometry = opened.geometry;
    const bool is_exclusive = files.size() > 2;
    const bool direct = (check_each(opened, files) & O_DIRECT) != 0;
    const FileFacts facts = probe_sent(files[0]);
    const std::uint32_t block_bytes = direct ? facts.logical_block_bytes : sector_bytes;
    const std::uint32_t alignment = direct ? std::min(geometry.logical_block_bytes, max_memory_alignment) : 1;
    check_rules({
        {!is_exclusive || (!opened.regular && !geometry.read_only),
         "only a block device that is written has a file of the exclusive use"},
        {opened.mode == describe_mode(geometry, direct), "its mode is not that of the file (O_DIRECT)"},
        {direct || geometry.logical_block_bytes == sector_bytes,
         "its logical blocks are not those of the page cache"},
        {geometry.logical_block_bytes % block_bytes == 0, "its logical blocks are smaller than the device's"},
        {geometry.memory_alignment >= alignment, "its memory is not aligned to its blocks"},
        {!geometry.read_ahead || (direct && (opened.regular || !geometry.read_only)),
         "it reads ahead although others may change the data"},
        {opened.offset_bytes + geometry.sectors * sector_bytes <= facts.bytes,
         "its sectors reach beyond the end of the file or device"},
        {opened.blocks_submission || !blocks_submission(files[0].get(), facts, direct, !geometry.read_only),
         "its operations block their submission, and its facts deny it"},
    });
    if (!geometry.read_only)
        check_writable(opened.path, files[0].get(), facts,
                       opened.offset_bytes + geometry.sectors * sector_bytes);
    opened.end_bytes = std::min(opened.end_bytes, growth_limit(facts, geometry.read_only));
    return direct ? Cache::direct : Cache::page;
}

} // namespace aoetarget::storage
