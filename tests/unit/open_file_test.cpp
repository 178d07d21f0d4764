// Opening files: which are accepted, their description, and the errors for the others.
#include "file_disk.hpp"
#include "file_opening.hpp"
#include "support/backing.hpp"
#include "support/catch.hpp"

#include <cerrno>
#include <fstream>
#include <functional>

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>

using aoetarget::Cache;
using aoetarget::Durability;
using aoetarget::FileOptions;
using aoetarget::open_file;
using namespace aoetest;

namespace {

FileOptions with(const std::function<void(FileOptions&)>& change) {
    FileOptions options;
    change(options);
    return options;
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
