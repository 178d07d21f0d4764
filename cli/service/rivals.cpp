// Sorts the exports by what they take, so that many exports take little time.
#include "service/rivals.hpp"

#include "failure.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <map>
#include <tuple>

#include <sys/stat.h>

namespace cli {
namespace {

/// Tells whether two paths lead to the same file or disk.
using Identity = std::tuple<bool, dev_t, ino_t>;

std::uint64_t begin_of(const ExportSpec& spec) {
    return spec.file.offset_bytes;
}

std::uint64_t end_of(const ExportSpec& spec) {
    constexpr std::uint64_t everything = std::numeric_limits<std::uint64_t>::max();
    return spec.file.length_bytes == 0 ? everything : spec.file.offset_bytes + spec.file.length_bytes;
}

/// The export that ends last of those that begin before the present one.
struct Longest {
    const ExportSpec* spec = nullptr;

    [[nodiscard]] bool reaches(const ExportSpec& other) const {
        return spec != nullptr && end_of(*spec) > begin_of(other);
    }
    void add(const ExportSpec& other) {
        if (spec == nullptr || end_of(other) > end_of(*spec))
            spec = &other;
    }
};

[[noreturn]] void refuse(const ExportSpec& one, const ExportSpec& other) {
    throw Failure(exit_configuration,
                  fmt::format("{0} and {1}: both take the same part of {2}; give each a part of its own with "
                              "offset and length, make both read-only, or leave one out",
                              to_string(one.options.address), to_string(other.options.address), other.path));
}

/// All take parts of the same file.
void refuse_overlaps(std::vector<const ExportSpec*> specs) {
    std::ranges::stable_sort(specs, {}, [](const ExportSpec* spec) { return begin_of(*spec); });
    Longest any, writer;
    for (const ExportSpec* spec : specs) {
        const Longest& rival = spec->file.read_only ? writer : any; // readers share
        if (rival.reaches(*spec))
            refuse(*rival.spec, *spec);
        any.add(*spec);
        if (!spec->file.read_only)
            writer.add(*spec);
    }
}

} // namespace

void refuse_rivals(const std::vector<ExportSpec>& specs) {
    std::map<Identity, std::vector<const ExportSpec*>> files;
    for (const ExportSpec& spec : specs) {
        struct stat status {};
        if (stat(spec.path.c_str(), &status) < 0)
            continue;
        const bool is_disk = S_ISBLK(status.st_mode);
        files[is_disk ? Identity(true, status.st_rdev, 0) : Identity(false, status.st_dev, status.st_ino)]
            .push_back(&spec);
    }
    for (const auto& [identity, sharers] : files)
        refuse_overlaps(sharers);
}

} // namespace cli
