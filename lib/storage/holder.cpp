// Looks through sysfs, mounts, swap areas and, if these show nothing, the open files of other processes.
#include "storage/holder.hpp"

#include "storage/sysfs.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <functional>
#include <optional>
#include <set>
#include <sstream>
#include <string_view>
#include <system_error>
#include <vector>

#include <sys/sysmacros.h>
#include <unistd.h>

namespace aoetarget::storage {
namespace {

namespace fs = std::filesystem;

/// A way in which a device is in use, and the command that ends it.
struct Use {
    std::string text;
    std::string command;
};

std::string number_of(dev_t device) {
    return fmt::format("{}:{}", major(device), minor(device));
}

/// Returns the entries of a folder, in their order; none if it does not exist.
std::vector<fs::path> entries(const fs::path& folder) {
    std::vector<fs::path> found;
    std::error_code error;
    for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error))
        found.push_back(entry->path());
    std::ranges::sort(found);
    return found;
}

/// The kernel writes spaces and the like as octal numbers in its tables.
std::string decode(std::string_view text) {
    std::string decoded;
    while (!text.empty()) {
        unsigned code = 0;
        if (text.size() >= 4 && text[0] == '\\' &&
            std::from_chars(text.data() + 1, text.data() + 4, code, 8).ptr == text.data() + 4) {
            decoded += static_cast<char>(code);
            text.remove_prefix(4);
        } else {
            decoded += text[0];
            text.remove_prefix(1);
        }
    }
    return decoded;
}

std::vector<std::string> words(const std::string& line) {
    std::istringstream stream(line);
    std::vector<std::string> found;
    for (std::string word; stream >> word;)
        found.push_back(decode(word));
    return found;
}

std::vector<std::string> lines(const std::string& path) {
    std::ifstream file(path);
    std::vector<std::string> found;
    for (std::string line; std::getline(file, line);)
        found.push_back(line);
    return found;
}

bool is_block_device(const std::string& path, const std::string& number) {
    struct stat status {};
    return path.starts_with('/') && stat(path.c_str(), &status) == 0 && S_ISBLK(status.st_mode) &&
           number_of(status.st_rdev) == number;
}

bool is_same_file(const std::string& path, const struct stat& file) {
    if (S_ISBLK(file.st_mode))
        return is_block_device(path, number_of(file.st_rdev));
    struct stat status {};
    return stat(path.c_str(), &status) == 0 && status.st_dev == file.st_dev && status.st_ino == file.st_ino;
}

/// Returns a path as a shell takes it.
std::string for_shell(const std::string& path) {
    std::string word;
    for (const char c : path) {
        if (std::string_view(" \t\n\"'\\$`&;<>()|*?[]#~!{}").find(c) != std::string_view::npos)
            word += '\\';
        word += c;
    }
    return word;
}

/// LVM joins the names of group and volume with a hyphen, and doubles the hyphens within them.
std::string group_of_volume(const std::string& name) {
    std::string group;
    for (std::size_t i = 0; i < name.size(); ++i) {
        if (name[i] == '-' && (i + 1 == name.size() || name[++i] != '-'))
            break;
        group += name[i];
    }
    return group;
}

// --- Devices, mounts and swap areas --------------------------------------------------------------

/// Describes a device that the kernel has put over `below`.
Use device_over(const fs::path& device, const std::string& below) {
    const std::string node = device.filename().string();
    if (node.starts_with("md"))
        return {fmt::format("{} is assembled over {}", node, below), "mdadm --stop /dev/" + node};
    if (node.starts_with("bcache"))
        return {fmt::format("{} lies over {}", node, below),
                fmt::format("echo 1 > /sys/block/{}/bcache/stop", node)};
    const auto name = read_attribute(device / "dm/name");
    if (!name)
        return {fmt::format("{} lies over {}", node, below), ""};
    const std::string kind = read_attribute(device / "dm/uuid").value_or("");
    if (kind.starts_with("LVM-"))
        return {fmt::format("the LVM volume {} ({}) lies over {}", *name, node, below),
                "vgchange -an " + group_of_volume(*name)};
    if (kind.starts_with("CRYPT-"))
        return {fmt::format("the encrypted device {} ({}) lies over {}", *name, node, below),
                "cryptsetup close " + *name};
    return {fmt::format("the device-mapper device {} ({}) lies over {}", *name, node, below),
            "dmsetup remove " + *name};
}

/// Returns where a table of mounts (proc(5), mountinfo) has this device.
std::vector<std::string> mount_points(const std::string& table, const std::string& number) {
    std::vector<std::string> points;
    for (const std::string& line : lines(table)) {
        const auto fields = words(line);
        const auto dash = std::ranges::find(fields, "-");
        if (fields.size() < 5 || fields.end() - dash < 3)
            continue;
        if (fields[2] == number || is_block_device(dash[2], number)) // btrfs has numbers of its own
            points.push_back(fields[4]);
    }
    return points;
}

Use mounted_on(const std::vector<std::string>& points, const std::string& subject) {
    if (points.size() == 1)
        return {fmt::format("{} is mounted on {}", subject, points[0]), "umount " + for_shell(points[0])};
    return {fmt::format("{} is mounted on {} and in {} other places", subject, points[0], points.size() - 1),
            "umount --all-targets " + for_shell(points[0])};
}

/// Collects the uses of devices, those that have to end first in front.
class Uses {
  public:
    explicit Uses(const KernelFolders& folders) : folders_(folders) {}

    void add_all(dev_t device) {
        const fs::path folder = fs::path(folders_.sys) / "dev/block" / number_of(device);
        std::error_code error;
        const fs::path real = fs::canonical(folder, error);
        if (error)
            return;
        for (const fs::path& part : entries(real)) {
            if (read_attribute(part / "partition"))
                add(part, part.filename().string(), 0);
        }
        add(real, "it", 0);
        if (read_attribute(real / "partition"))
            add(real.parent_path(), "its disk", 0);
    }

    /// Adds those of a loop device and its partitions.
    void add_loop(const std::string& name) {
        const fs::path folder = fs::path(folders_.sys) / "block" / name;
        for (const fs::path& part : entries(folder)) {
            if (read_attribute(part / "partition"))
                add(part, part.filename().string(), 0);
        }
        add(folder, name, 0);
    }

    void add_swap(const struct stat& file, const std::string& subject) {
        add_swap(subject, [&](const std::string& path) { return is_same_file(path, file); });
    }

    [[nodiscard]] bool empty() const { return uses_.empty(); }
    void push(Use use) { uses_.push_back(std::move(use)); }

    [[nodiscard]] std::string text() const {
        std::string text, commands;
        for (auto use = uses_.rbegin(); use != uses_.rend(); ++use) // the one that concerns the disk in front
            text += (text.empty() ? "" : ", ") + use->text;
        for (const Use& use : uses_) {
            if (!use.command.empty() && commands.find(use.command) == std::string::npos)
                commands += (commands.empty() ? "" : " && ") + use.command;
        }
        return commands.empty() ? text : fmt::format("{}; free it with '{}'", text, commands);
    }

  private:
    static constexpr int max_depth = 4; ///< Encryption over LVM over md over a partition.

    void add(const fs::path& device, const std::string& subject, int depth) {
        for (const fs::path& holder : entries(device / "holders")) {
            if (depth < max_depth)
                add(holder, holder.filename().string(), depth + 1);
            push(device_over(holder, subject));
        }
        const auto number = read_attribute(device / "dev");
        if (!number)
            return;
        if (const auto points = mount_points(folders_.proc + "/self/mountinfo", *number); !points.empty())
            push(mounted_on(points, subject));
        add_swap(subject, [&](const std::string& path) { return is_block_device(path, *number); });
    }

    void add_swap(const std::string& subject, const std::function<bool(const std::string&)>& is_meant) {
        for (const std::string& line : lines(folders_.proc + "/swaps")) {
            const auto fields = words(line);
            if (!fields.empty() && is_meant(fields[0]))
                push({subject + " is in use as swap", "swapoff " + for_shell(fields[0])});
        }
    }

    const KernelFolders& folders_;
    std::vector<Use> uses_;
};

// --- Other processes -----------------------------------------------------------------------------

struct Process {
    fs::path folder;
    long id = 0;

    [[nodiscard]] std::string name() const {
        return fmt::format("process {} ({})", id, read_attribute(folder / "comm").value_or("?"));
    }
};

std::vector<Process> other_processes(const KernelFolders& folders) {
    std::vector<Process> processes;
    for (const fs::path& folder : entries(folders.proc)) {
        const std::string name = folder.filename().string();
        long id = 0;
        if (std::from_chars(name.data(), name.data() + name.size(), id).ptr == name.data() + name.size() &&
            id != getpid())
            processes.push_back({folder, id});
    }
    return processes;
}

/// Only links into /dev are followed: a file of a network server that does not answer would take forever.
bool has_open(const Process& process, const std::string& number) {
    return std::ranges::any_of(entries(process.folder / "fd"), [&](const fs::path& file) {
        std::error_code error;
        return fs::read_symlink(file, error).string().starts_with("/dev/") && !error &&
               is_block_device(file.string(), number);
    });
}

/// The kernel tells with each open file which locks it has (proc(5), fdinfo), in the form "1: OFDLCK ADVISORY
/// WRITE -1 fe:00:1234 0 EOF". `end_of_inode` is "fe:00:1234" or less of it. Without a start, any lock of the
/// file will do.
bool has_lock(const Process& process, const std::string& end_of_inode, std::optional<off_t> start) {
    return std::ranges::any_of(entries(process.folder / "fdinfo"), [&](const fs::path& information) {
        return std::ranges::any_of(lines(information.string()), [&](const std::string& line) {
            if (!line.starts_with("lock:"))
                return false;
            const auto fields = words(line);
            return fields.size() >= 9 && fields[6].ends_with(end_of_inode) &&
                   (!start || fields[7] == std::to_string(*start));
        });
    });
}

std::string inode_of_any_device(const struct stat& file) {
    return fmt::format(":{}", file.st_ino);
}

/// Returns how the kernel may show the file with its locks. Files of btrfs and overlays may have another
/// device there than stat() tells, in both cases one without hardware.
std::vector<std::string> inodes_with_locks(const struct stat& file) {
    std::vector<std::string> inodes{
        fmt::format("{:02x}:{:02x}:{}", major(file.st_dev), minor(file.st_dev), file.st_ino)};
    if (major(file.st_dev) == 0)
        inodes.push_back(inode_of_any_device(file));
    return inodes;
}

/// Nothing tells which process has the exclusive use of a device. Others may have it open besides, but a
/// target has locked it too.
void add_processes(Uses& uses, const struct stat& file, const KernelFolders& folders) {
    const std::string number = number_of(file.st_rdev);
    std::set<std::string> mount_namespaces;
    std::vector<Process> openers, lockers;
    for (const Process& process : other_processes(folders)) {
        std::error_code error;
        const std::string mounts = fs::read_symlink(process.folder / "ns/mnt", error).string();
        if (!error && mount_namespaces.insert(mounts).second) {
            const auto points = mount_points((process.folder / "mountinfo").string(), number);
            if (!points.empty())
                uses.push({fmt::format("it is mounted on {} where {} runs", points[0], process.name()),
                           fmt::format("nsenter -t {} -m umount {}", process.id, for_shell(points[0]))});
        }
        if (has_open(process, number))
            (has_lock(process, inode_of_any_device(file), std::nullopt) ? lockers : openers)
                .push_back(process);
    }
    if (!uses.empty())
        return;
    const std::vector<Process>& suspects = lockers.empty() ? openers : lockers;
    const bool is_certain = suspects.size() == 1 || !lockers.empty();
    for (const Process& process : suspects)
        uses.push({process.name() + " has it open", is_certain ? fmt::format("kill {}", process.id) : ""});
    if (!is_certain && !suspects.empty())
        uses.push({"one of these processes has the exclusive use", ""});
}

std::optional<Process> find_process_with(const struct stat& file, const struct flock& lock,
                                         const KernelFolders& folders) {
    const std::vector<Process> processes = other_processes(folders);
    const auto first = [&](const auto& is_meant) {
        const auto found = std::ranges::find_if(processes, is_meant);
        return found == processes.end() ? std::nullopt : std::optional(*found);
    };
    if (lock.l_pid > 0)
        return first([&](const Process& process) { return process.id == lock.l_pid; });
    // The lock of an open file, as opposed to that of a process, comes without a process.
    for (const std::string& inode : inodes_with_locks(file)) {
        if (auto process = first([&](const Process& other) { return has_lock(other, inode, lock.l_start); }))
            return process;
    }
    return std::nullopt;
}

} // namespace

std::string find_kernel_use(const struct stat& file, const KernelFolders& folders) {
    Uses uses(folders);
    if (S_ISBLK(file.st_mode))
        uses.add_all(file.st_rdev);
    else
        uses.add_swap(file, "it");
    return uses.text();
}

std::string find_openers(const struct stat& device, const KernelFolders& folders) {
    Uses uses(folders);
    add_processes(uses, device, folders);
    return uses.text();
}

std::string find_holder(const struct stat& file, const KernelFolders& folders) {
    std::string use = find_kernel_use(file, folders);
    return use.empty() && S_ISBLK(file.st_mode) ? find_openers(file, folders) : use;
}

std::string find_lock_holder(const struct stat& file, const struct flock& lock,
                             const KernelFolders& folders) {
    const auto process = find_process_with(file, lock, folders);
    return process ? process->name() : "";
}

std::optional<long> find_lock_process(const struct stat& file, const struct flock& lock,
                                      const KernelFolders& folders) {
    const auto process = find_process_with(file, lock, folders);
    return process ? std::optional(process->id) : std::nullopt;
}

std::string find_loop_device(const struct stat& file, const KernelFolders& folders) {
    for (const LoopDevice& loop : loop_devices(folders.sys)) {
        if (!is_same_file(loop.backing_file, file))
            continue;
        Uses uses(folders); // as long as there are any, losetup succeeds and takes nothing away
        uses.add_loop(loop.name);
        uses.push({loop.name + " lies over it, and what is written through one destroys data of the other",
                   "losetup -d /dev/" + loop.name});
        return uses.text() + ".";
    }
    return "";
}

} // namespace aoetarget::storage
