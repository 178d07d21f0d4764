// Opening files: which are accepted, their description, and the errors for the others.
#include "file_disk.hpp"
#include "support/backing.hpp"
#include "support/catch.hpp"

#include <atomic>
#include <cerrno>
#include <fstream>
#include <functional>
#include <system_error>
#include <thread>

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>

using aoetarget::Cache;
using aoetarget::Durability;
using aoetarget::FileDevice;
using aoetarget::FileOptions;
using aoetarget::open_file;
using namespace aoetest;

namespace {

struct Refusal {
    int error = 0;
    std::string text;

    [[nodiscard]] bool says(const std::string& words) const { return text.find(words) != std::string::npos; }
};

Refusal refusal(const std::string& path, const FileOptions& options = {}) {
    try {
        open_file(path, options);
    } catch (const std::system_error& error) {
        const std::string text = error.what();
        CHECK(text.find(path) != std::string::npos);
        CHECK(text.find('\n') == std::string::npos);
        return {error.code().value(), text};
    }
    return {};
}

FileOptions with(const std::function<void(FileOptions&)>& change) {
    FileOptions options;
    change(options);
    return options;
}

FileOptions window(std::uint64_t first_sector, std::uint64_t sectors, bool read_only = false) {
    FileOptions options;
    options.offset_bytes = first_sector * sector_bytes;
    options.length_bytes = sectors * sector_bytes;
    options.read_only = read_only;
    return options;
}

bool notes_say(const FileDevice& device, const std::string& words) {
    for (const std::string& note : device.notes()) {
        if (note.find(words) != std::string::npos)
            return true;
    }
    return false;
}

} // namespace

TEST_CASE("a regular file is opened with O_DIRECT and stable writes unless told otherwise") {
    const ImageFile image(2048);
    const auto device = open_file(image.path());
    CHECK(device->mode() == "direct, stable");
    CHECK(device->notes().empty());
    const auto geometry = device->geometry();
    CHECK(geometry.sectors == 2048);
    CHECK(geometry.logical_block_bytes >= 512);
    CHECK(geometry.physical_block_bytes >= geometry.logical_block_bytes);
    CHECK(geometry.memory_alignment <= 4096);
    CHECK_FALSE(geometry.volatile_cache);
    CHECK_FALSE(geometry.read_only);
}

TEST_CASE("the mode names cache and durability") {
    const ImageFile image(2048);
    CHECK(open_file(image.path(), with([](auto& o) { o.cache = Cache::page; }))->mode() ==
          "page cache, stable");
    CHECK(open_file(image.path(), with([](auto& o) { o.durability = Durability::volatile_cache; }))->mode() ==
          "direct, volatile");
    CHECK(open_file(image.path(), with([](auto& o) { o.read_only = true; }))->mode() == "direct, read-only");
}

TEST_CASE("through the page cache every sector and every address will do") {
    const ImageFile image(2048);
    const auto geometry = open_file(image.path(), with([](auto& o) { o.cache = Cache::page; }))->geometry();
    CHECK(geometry.logical_block_bytes == 512);
    CHECK(geometry.memory_alignment == 1);
}

TEST_CASE("the geometry gives the window's place in its physical block") {
    const ImageFile image(2048);
    const auto geometry = open_file(image.path(), window(13, 0))->geometry();
    CHECK(geometry.sectors == 2048 - 13);
    CHECK(geometry.physical_offset_sectors == 13 % (geometry.physical_block_bytes / sector_bytes));
}

TEST_CASE("the part of a sector at the end of a file is left out, and a note says so") {
    const ImageFile image(2048);
    image.resize_bytes(2047 * sector_bytes + 100);
    const auto device = open_file(image.path());
    CHECK(device->geometry().sectors == 2047);
    CHECK(notes_say(*device, "last 100 bytes"));
}

TEST_CASE("no note is made of a tail that the window leaves out anyway") {
    const ImageFile image(2048);
    image.resize_bytes(2047 * sector_bytes + 100);
    CHECK(open_file(image.path(), window(0, 8))->notes().empty());
}

TEST_CASE("a read-only export takes neither writes nor discards") {
    const ImageFile image(64);
    const auto device = open_file(image.path(), with([](auto& o) { o.read_only = true; }));
    CHECK(device->geometry().read_only);
    CHECK_FALSE(device->geometry().discard);
}

TEST_CASE("an export takes discards unless told otherwise") {
    const ImageFile image(64);
    CHECK(open_file(image.path())->geometry().discard);
    const auto geometry = open_file(image.path(), with([](auto& o) { o.discard = false; }))->geometry();
    CHECK_FALSE(geometry.discard);
    CHECK_FALSE(geometry.discard_zeroes);
    CHECK_FALSE(geometry.read_only);
}

TEST_CASE("opening a file changes nothing in it") {
    const ImageFile image(64);
    open_file(image.path());
    CHECK(image.read(0, 64) == pattern(0, 64));
    CHECK(image.size_bytes() == 64 * sector_bytes);
}

TEST_CASE("the identity stays the same for the same window and differs for others") {
    const ImageFile image(256);
    const ImageFile other(256);
    const std::string link = image.path() + ".link";
    REQUIRE(symlink(image.path().c_str(), link.c_str()) == 0);
    const std::string identity = open_file(image.path())->identity();
    CHECK_FALSE(identity.empty());
    CHECK(open_file(link)->identity() == identity);
    CHECK(open_file(image.path(), window(8, 8))->identity() != identity);
    CHECK(open_file(other.path())->identity() != identity);
    unlink(link.c_str());
}

// --- Refusals
// ------------------------------------------------------------------------------------------------------------

TEST_CASE("a file that cannot be exported is refused with path, cause and cure") {
    const ImageFile image(64);
    const ImageFile small(0);
    small.resize_bytes(511);
    const std::string fifo = image.path() + ".fifo";
    REQUIRE(mkfifo(fifo.c_str(), 0600) == 0);

    CHECK(refusal("/nonexistent/disk").error == ENOENT);
    CHECK(refusal("/nonexistent/disk").says("truncate"));
    CHECK(refusal("/tmp").says("neither a regular file nor a block device"));
    CHECK(refusal("/dev/null").says("neither a regular file nor a block device"));
    CHECK(refusal(fifo).says("neither a regular file nor a block device"));
    CHECK(refusal(small.path()).says("make it larger"));
    CHECK(refusal(image.path(), window(64, 0)).says("offset"));
    CHECK(refusal(image.path(), window(63, 2)).says("length"));
    CHECK(refusal(image.path(), window(1, (1ULL << 55) - 1)).says("length"));
    CHECK(refusal(image.path(), with([](auto& o) { o.offset_bytes = 100; })).says("multiples of 512"));
    CHECK(refusal(image.path(), with([](auto& o) { o.length_bytes = 1000; })).says("multiples of 512"));
    unlink(fifo.c_str());
}

TEST_CASE("a file that this user may not write is refused with the advice to export it read-only") {
    const uid_t user = geteuid();
    if (user == 0 && !is_real_root())
        SKIP_BECAUSE("the root of a user namespace may write all of its files");
    const ImageFile image(64);
    REQUIRE(chmod(image.path().c_str(), 0444) == 0);
    if (user == 0)
        REQUIRE(seteuid(65534) == 0);
    const Refusal refused = refusal(image.path());
    const bool readable = refusal(image.path(), with([](auto& o) { o.read_only = true; })).error == 0;
    REQUIRE(seteuid(user) == 0);
    CHECK(refused.error == EACCES);
    CHECK(refused.says("read-only"));
    CHECK(readable);
}

TEST_CASE(
    "a file beyond the process's file size limit is refused, because a write there would end the process") {
    const ImageFile image(64);
    rlimit limit{};
    REQUIRE(getrlimit(RLIMIT_FSIZE, &limit) == 0);
    const rlimit low{4096, limit.rlim_max};
    REQUIRE(setrlimit(RLIMIT_FSIZE, &low) == 0);
    const Refusal refused = refusal(image.path());
    REQUIRE(setrlimit(RLIMIT_FSIZE, &limit) == 0);
    CHECK(refused.error == EFBIG);
    CHECK(refused.says("ulimit -f"));
}

TEST_CASE(
    "a file system without O_DIRECT is used through the page cache, unless cache=direct was asked for") {
    if (!is_real_root())
        SKIP_BECAUSE("mounts need root");
    const SmallFileSystem outer(1U << 20);
    const std::string folder = outer.folder() + "/ramfs";
    REQUIRE(mkdir(folder.c_str(), 0700) == 0);
    REQUIRE(mount("ramfs", folder.c_str(), "ramfs", 0, nullptr) == 0);
    {
        const ImageFile image(64, ImageFile::Fill::pattern, folder);
        FileDisk disk(image.path());
        CHECK(disk.device().mode() == "page cache, stable");
        CHECK(notes_say(disk.device(), "does not support O_DIRECT"));
        CHECK(disk.read(0, 64) == pattern(0, 64));
        disk.close();

        const Refusal refused = refusal(image.path(), with([](auto& o) { o.cache = Cache::direct; }));
        CHECK(refused.error == EINVAL);
        CHECK(refused.says("use cache=page"));
    }
    umount(folder.c_str());
}

TEST_CASE("a window that cuts the blocks of a 4096-byte-block disk is used through the page cache, unless "
          "cache=direct was "
          "asked for") {
    if (!is_real_root() || !ZramDevice::is_available())
        SKIP_BECAUSE("zram needs root and its module");
    const ZramDevice zram(4U << 20);
    FileOptions options = window(3, 80);
    {
        FileDisk disk(zram.path(), options);
        CHECK(disk.device().mode() == "page cache, stable");
        CHECK(notes_say(disk.device(), "logical blocks of 4096 bytes"));
        CHECK(disk.geometry().logical_block_bytes == 512);
        CHECK_FALSE(disk.geometry().discard); // the disk discards whole blocks only
        CHECK(disk.geometry().physical_offset_sectors == 3);
        REQUIRE(disk.write(5, pattern(5, 3, 1)) == 0);
        CHECK(disk.read(5, 3) == pattern(5, 3, 1));
    }
    options.cache = Cache::direct;
    const Refusal refused = refusal(zram.path(), options);
    CHECK(refused.error == EINVAL);
    CHECK(refused.says("choose another offset and length"));
}

// --- Exclusive use
// -------------------------------------------------------------------------------------------------------

TEST_CASE("disjoint windows of one file are exported side by side, overlapping ones are refused") {
    const ImageFile image(256);
    const auto first = open_file(image.path(), window(0, 64));
    CHECK(refusal(image.path(), window(64, 64)).error == 0);
    CHECK(refusal(image.path(), window(63, 64)).error == EBUSY);
    CHECK(refusal(image.path(), window(0, 0)).says("in use by another export or program"));
    CHECK(refusal(image.path(), window(8, 8, true)).error == EBUSY);
}

TEST_CASE("a device that replaces another shares its lock, also for a longer window, and keeps others off") {
    const ImageFile image(256);
    const bool read_only = GENERATE(false, true);
    auto first = open_file(image.path(), window(8, 64, read_only));
    FileOptions options = window(8, 128, read_only);
    options.replaces = true;
    const auto next = open_file(image.path(), options);
    CHECK(refusal(image.path(), window(8, 64)).error == EBUSY);
    first.reset();
    CHECK(refusal(image.path(), window(8, 8)).error == EBUSY);
    CHECK(refusal(image.path(), window(100, 8)).error == EBUSY);
    CHECK(refusal(image.path(), window(136, 8)).error == 0);
    CHECK(refusal(image.path(), window(0, 8)).error == 0);
}

TEST_CASE("a device that replaces none of this process is refused what others use") {
    const ImageFile image(256);
    const auto other = open_file(image.path(), window(0, 64));
    FileOptions options = window(8, 64);
    options.replaces = true;
    CHECK(refusal(image.path(), options).error == EBUSY); // another window
    const auto neighbour = open_file(image.path(), window(64, 64));
    options = window(0, 128);
    options.replaces = true;
    CHECK(refusal(image.path(), options).error == EBUSY);
}

FileOptions window_through(Cache cache, std::uint64_t first_sector, std::uint64_t sectors) {
    FileOptions options = window(first_sector, sectors);
    options.cache = cache;
    return options;
}

TEST_CASE("windows of one file are not written through the page cache and past it at once") {
    const ImageFile image(256);
    const Cache cache = GENERATE(Cache::page, Cache::direct);
    const Cache other = cache == Cache::page ? Cache::direct : Cache::page;
    const auto first = open_file(image.path(), window_through(cache, 0, 64));

    const Refusal refused = refusal(image.path(), window_through(other, 64, 64));
    CHECK(refused.error == EBUSY);
    CHECK(refused.says("give all of them the same cache"));
    CHECK(refusal(image.path(), window_through(cache, 64, 64)).error == 0);
    FileOptions reader = window_through(other, 64, 64);
    reader.read_only = true;
    CHECK(refusal(image.path(), reader).error == 0);
    const ImageFile another(256);
    CHECK(refusal(another.path(), window_through(other, 64, 64)).error == 0);
}

TEST_CASE("a window that may use either cache follows the others of its file") {
    const ImageFile image(256);
    auto first = open_file(image.path(), window_through(Cache::page, 0, 64));
    {
        const auto second = open_file(image.path(), window(64, 64));
        CHECK(second->mode() == "page cache, stable");
        CHECK(notes_say(*second, "another export that writes to the file does so"));
        CHECK_FALSE(second->geometry().read_ahead);
        first.reset();
        CHECK(refusal(image.path(), window_through(Cache::direct, 0, 64)).error == EBUSY);
    }
    CHECK(open_file(image.path(), window(64, 64))->mode() == "direct, stable");
}

TEST_CASE("read-only exports of one file share it, and keep writers out") {
    const ImageFile image(256);
    const auto first = open_file(image.path(), window(0, 0, true));
    CHECK(refusal(image.path(), window(0, 0, true)).error == 0);
    CHECK(refusal(image.path(), window(0, 0)).error == EBUSY);
}

TEST_CASE("the window is free again as soon as its device is gone, though the ring lives on") {
    const ImageFile image(256);
    FileDisk disk(image.path());
    CHECK(disk.read(0, 8) == pattern(0, 8));
    CHECK(refusal(image.path()).error == EBUSY);
    disk.close();
    CHECK(refusal(image.path()).error == 0);
}

TEST_CASE("a block device that somebody holds is refused, unless force is given") {
    if (!is_real_root())
        SKIP_BECAUSE("loop devices need root");
    const ImageFile below(256);
    const LoopDevice loop(below.path());
    const bool read_only = GENERATE(false, true);
    FileOptions options;
    options.read_only = read_only;

    const int holder = open(loop.path().c_str(), O_RDONLY | O_EXCL | O_CLOEXEC); // as a mount does
    REQUIRE(holder >= 0);
    const Refusal refused = refusal(loop.path(), options);
    CHECK(refused.error == EBUSY);
    CHECK(refused.says("mounted"));
    CHECK(refused.says("force"));
    options.force = true;
    CHECK(refusal(loop.path(), options).error == 0);
    close(holder);
    options.force = false;
    CHECK(refusal(loop.path(), options).error == 0);
}

TEST_CASE("a block device is exported once for writing or many times for reading, and free again as soon as "
          "its device is gone") {
    if (!is_real_root())
        SKIP_BECAUSE("loop devices need root");
    const ImageFile below(256);
    const LoopDevice loop(below.path());
    FileDisk disk(loop.path());
    CHECK(disk.read(0, 8) == pattern(0, 8));
    CHECK(refusal(loop.path()).error == EBUSY);
    CHECK(refusal(loop.path(), window(0, 0, true)).error == EBUSY);
    disk.close();
    const auto reader = open_file(loop.path(), window(0, 0, true));
    CHECK(refusal(loop.path(), window(0, 0, true)).error == 0);
    CHECK(refusal(loop.path()).error == EBUSY);
}

TEST_CASE(
    "windows of one block device are exported side by side, and others are kept off it until the last is "
    "gone") {
    if (!is_real_root())
        SKIP_BECAUSE("loop devices need root");
    const ImageFile below(256);
    const LoopDevice loop(below.path());
    const auto held = [&] {
        const int fd = open(loop.path().c_str(), O_RDONLY | O_EXCL | O_CLOEXEC); // as a mount does
        if (fd >= 0)
            close(fd);
        return fd < 0 && errno == EBUSY;
    };
    {
        FileDisk first(loop.path(), window(0, 64));
        FileDisk second(loop.path(), window(64, 64));
        REQUIRE(first.write(3, pattern(3, 1, 1)) == 0);
        REQUIRE(second.write(3, pattern(3, 1, 2)) == 0);
        CHECK(first.read(3, 1) == pattern(3, 1, 1));
        CHECK(open_file(loop.path(), window(128, 64, true))->mode() == "direct, read-only");
        const Refusal overlapping = refusal(loop.path(), window(63, 64));
        CHECK(overlapping.error == EBUSY);
        CHECK(overlapping.says("this part of it is in use by another export"));
        CHECK(refusal(loop.path(), window(63, 2, true)).error == EBUSY);
        CHECK(refusal(loop.path(), window_through(Cache::page, 128, 64)).says("the same cache"));
        CHECK(held());
        first.close();
        CHECK(held());
        CHECK(refusal(loop.path(), window(0, 64)).error == 0);
    }
    CHECK_FALSE(held());
}

TEST_CASE("a read-only window beside a writable one does not keep others off when it is left alone") {
    if (!is_real_root())
        SKIP_BECAUSE("loop devices need root");
    const ImageFile below(256);
    const LoopDevice loop(below.path());
    auto writer = open_file(loop.path(), window(0, 64));
    const auto reader = open_file(loop.path(), window(64, 64, true));
    writer.reset();
    const int mount = open(loop.path().c_str(), O_RDONLY | O_EXCL | O_CLOEXEC);
    CHECK(mount >= 0);
    CHECK(refusal(loop.path(), window(0, 64)).says("mounted"));
    close(mount);
}

TEST_CASE("a block device is not exported once more under another name") {
    if (!is_real_root())
        SKIP_BECAUSE("loop devices need root");
    const ImageFile below(256);
    const LoopDevice loop(below.path());
    const std::string name = "/dev/aoetest-other-name"; // /tmp may not take devices
    struct stat status {};
    REQUIRE(stat(loop.path().c_str(), &status) == 0);
    unlink(name.c_str());
    REQUIRE(mknod(name.c_str(), S_IFBLK | S_IRUSR | S_IWUSR, status.st_rdev) == 0);
    const auto device = open_file(loop.path());
    CHECK(refusal(name).error == EBUSY);
    unlink(name.c_str());
}

TEST_CASE("windows of one block device come and go on several threads") {
    if (!is_real_root())
        SKIP_BECAUSE("loop devices need root");
    const ImageFile below(256);
    const LoopDevice loop(below.path());
    std::atomic<int> refusals = 0;
    const auto work = [&](std::uint64_t first_sector) {
        for (int i = 0; i < 200; ++i) {
            try {
                open_file(loop.path(), window(first_sector, 64, i % 4 == 3));
            } catch (const std::system_error&) {
                ++refusals;
            }
        }
    };
    std::thread one(work, 0), other(work, 64);
    one.join();
    other.join();
    CHECK(refusals == 0);
}

TEST_CASE("a device is read ahead only where nobody else can change it") {
    const ImageFile image(2048);
    const auto reads_ahead = [](const std::string& path, const FileOptions& options = {}) {
        return open_file(path, options)->geometry().read_ahead;
    };
    const auto forced = with([](auto& o) { o.force = true; });
    CHECK(reads_ahead(image.path()));
    CHECK(reads_ahead(image.path(), window(8, 8)));
    CHECK(reads_ahead(image.path(), window(0, 0, true)));
    CHECK_FALSE(reads_ahead(image.path(), forced));
    CHECK_FALSE(reads_ahead(image.path(), with([](auto& o) { o.cache = Cache::page; })));
    if (!is_real_root())
        SKIP_BECAUSE("loop devices need root");
    {
        const LoopDevice loop(image.path());
        const std::string link = image.path() + ".link";
        REQUIRE(symlink(image.path().c_str(), link.c_str()) == 0);
        CHECK_FALSE(reads_ahead(loop.path()));
        CHECK_FALSE(reads_ahead(loop.path(), window(0, 0, true)));
        CHECK_FALSE(reads_ahead(image.path()));
        CHECK_FALSE(reads_ahead(link, window(0, 0, true)));
        CHECK(reads_ahead(ImageFile(2048).path()));
        unlink(link.c_str());
    }
    if (!ZramDevice::is_available())
        SKIP_BECAUSE("a disk of its own needs zram");
    const ZramDevice disk(1U << 20);
    CHECK(reads_ahead(disk.path()));
    CHECK_FALSE(reads_ahead(disk.path(), window(0, 0, true)));
    CHECK_FALSE(reads_ahead(disk.path(), forced));
    const LoopDevice over(disk.path());
    CHECK_FALSE(reads_ahead(disk.path()));
}

TEST_CASE("a write-protected block device is refused with the advice to export it read-only") {
    if (!is_real_root())
        SKIP_BECAUSE("loop devices need root");
    const ImageFile below(256);
    const LoopDevice loop(below.path());
    const auto protect = [&](int on) {
        const int fd = open(loop.path().c_str(), O_RDONLY | O_CLOEXEC);
        const int result = ioctl(fd, BLKROSET, &on);
        close(fd);
        return result == 0;
    };
    REQUIRE(protect(1));
    const Refusal refused = refusal(loop.path());
    const Refusal read_only = refusal(loop.path(), window(0, 0, true));
    CHECK(protect(0)); // it outlives the loop device
    CHECK(refused.error == EROFS);
    CHECK(refused.says("export it read-only"));
    CHECK(read_only.error == 0);
}
