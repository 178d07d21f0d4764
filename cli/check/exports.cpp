// One judgement for each property of an export.
#include "check/exports.hpp"

#include "service/advice.hpp"
#include "service/report.hpp"
#include "text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <system_error>

#include <sys/stat.h>

namespace cli {
namespace {

namespace fs = std::filesystem;

class Judgement {
  public:
    Judgement(const ExportSpec& spec, const aoetarget::FileInspection& found)
        : spec_(spec), found_(found), subject_(subject_of(spec)) {}

    Findings make(const PathFacts& path, long running_process) {
        const std::uint64_t sectors = found_.geometry.sectors;
        add(Weight::ok, fmt::format("{}: {}", found_.block_device ? "a block device" : "a file",
                                    describe_export(spec_, sectors, found_.mode)));
        uses(running_process);
        for (const std::string& note : found_.notes)
            add(Weight::note, note);
        for (const std::string& note : advice_on(spec_, sectors))
            add(Weight::note, note);
        name(path);
        blocks();
        durability();
        trim();
        return std::move(all_);
    }

  private:
    void add(Weight weight, std::string text, std::string cure = {}) {
        all_.push_back({weight, subject_, std::move(text), std::move(cure)});
    }

    void uses(long running_process) {
        for (const aoetarget::FileUse& use : found_.uses) {
            if (use.process != 0 && use.process == running_process)
                add(Weight::note, fmt::format("the target of this name that runs (process {}) has it, and "
                                              "frees it when it ends",
                                              use.process));
            else if (use.is_certain)
                all_.push_back(finding_of(Weight::error, subject_, use.text));
            else if (spec_.file.force)
                all_.push_back(finding_of(Weight::warning, subject_, use.text));
            else
                add(Weight::warning, fmt::format("it may be in use: {}", use.text));
        }
    }

    void name(const PathFacts& path) {
        if (!path.lasting_name.empty())
            add(Weight::note,
                fmt::format("another disk may have the name {} after a restart of this machine", spec_.path),
                fmt::format("name it {}", path.lasting_name));
    }

    void blocks() {
        const aoetarget::Geometry& geometry = found_.geometry;
        const std::uint64_t offset_bytes = geometry.physical_offset_sectors * aoetarget::sector_bytes;
        add(Weight::ok, fmt::format("blocks of {} bytes (physical: {})", geometry.logical_block_bytes,
                                    geometry.physical_block_bytes));
        if (offset_bytes != 0)
            add(Weight::warning,
                fmt::format("it begins {} bytes into a physical block of {} bytes, so that each write of a "
                            "block takes two",
                            offset_bytes, geometry.physical_block_bytes),
                fmt::format("choose an offset, or a partition, that begins {} bytes later",
                            geometry.physical_block_bytes - offset_bytes));
        if (geometry.logical_block_bytes > aoetarget::sector_bytes)
            add(Weight::note, fmt::format("requests of less than {} bytes make the target read the block, "
                                          "patch it and write it: align partitions on the initiators",
                                          geometry.logical_block_bytes));
    }

    void durability() {
        if (spec_.file.read_only)
            return;
        const bool is_stable = spec_.file.durability == aoetarget::Durability::stable;
        const std::string_view of_what = found_.block_device ? "the disk" : "the disk below the file";
        if (!is_stable)
            add(Weight::warning, std::string(volatile_advice), "use durability=stable for data that matters");
        if (found_.write_cache == "write back")
            add(Weight::ok, fmt::format("{} has a volatile write cache, which the target flushes {}", of_what,
                                        is_stable ? "before it answers a write (durability=stable)"
                                                  : "only when an initiator asks (durability=volatile)"));
        else if (found_.write_cache == "write through")
            add(Weight::ok, fmt::format("{} has no volatile write cache", of_what));
        else
            add(Weight::note, fmt::format("the kernel does not tell whether {} has a volatile write cache; "
                                          "the target syncs {}",
                                          of_what, is_stable ? "each write" : "when an initiator asks"));
    }

    void trim() {
        if (found_.block_device && spec_.file.discard && !spec_.file.read_only && !found_.geometry.discard)
            add(Weight::note, "initiators cannot trim, because the disk cannot free space");
    }

    const ExportSpec& spec_;
    const aoetarget::FileInspection& found_;
    const std::string subject_;
    Findings all_;
};

/// Returns a link in the folder that leads to the same place as the path.
std::string link_to(const fs::path& target, const char* folder) {
    std::error_code error;
    std::vector<std::string> names;
    for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
        std::error_code broken;
        if (fs::canonical(entry->path(), broken) == target && !broken)
            names.push_back(entry->path().string());
    }
    return names.empty() ? "" : *std::ranges::min_element(names);
}

} // namespace

std::string subject_of(const ExportSpec& spec) {
    return "export " + to_string(spec.options.address);
}

/// Links, and nodes that device mapper names, lie in folders of /dev.
PathFacts look_at_path(const std::string& path) {
    std::error_code error;
    const fs::path absolute = fs::absolute(path, error).lexically_normal();
    struct stat status {};
    if (error || absolute.parent_path() != "/dev" || lstat(absolute.c_str(), &status) != 0 ||
        !S_ISBLK(status.st_mode))
        return {};
    return {.lasting_name = link_to(absolute, "/dev/disk/by-id")};
}

Findings judge_export(const ExportSpec& spec, const aoetarget::FileInspection& found, const PathFacts& path,
                      long running_process) {
    return Judgement(spec, found).make(path, running_process);
}

Findings judge_space(const std::vector<InspectedExport>& exports) {
    struct FileSystem {
        std::uint64_t free_bytes = 0, missing_bytes = 0;
        std::vector<std::string> paths = {};
    };
    std::map<std::uint64_t, FileSystem> file_systems;
    const auto missing = [](const aoetarget::FileInspection& found) {
        return found.bytes - std::min(found.bytes, found.allocated_bytes);
    };
    const auto is_sparse = [&](const InspectedExport& exported) {
        return exported.found && !exported.found->block_device && !exported.spec->file.read_only &&
               missing(*exported.found) > 0;
    };
    for (const InspectedExport& exported : exports) {
        if (!is_sparse(exported))
            continue;
        FileSystem& system = file_systems[exported.found->file_system];
        system.free_bytes = exported.found->free_bytes;
        if (std::ranges::find(system.paths, exported.spec->path) == system.paths.end())
            system.missing_bytes += missing(*exported.found); // parts of a file share its space
        system.paths.push_back(exported.spec->path);
    }
    Findings findings;
    for (const InspectedExport& exported : exports) {
        if (!is_sparse(exported))
            continue;
        const FileSystem& system = file_systems[exported.found->file_system];
        const bool fits = system.missing_bytes <= system.free_bytes;
        findings.push_back(
            {fits ? Weight::ok : Weight::warning, subject_of(*exported.spec),
             fmt::format(
                 "a sparse file: {} of {} are allocated; all exports of its file system may still take "
                 "{}, and {} are free",
                 human_size(exported.found->allocated_bytes), human_size(exported.found->bytes),
                 human_size(system.missing_bytes), human_size(system.free_bytes)),
             fits ? "" : "make room, or choose a smaller file: writes fail when the space is used up"});
    }
    return findings;
}

} // namespace cli
