// The data path of a file device: what is on disk after each operation, and when it completes.
#include "file_disk.hpp"
#include "storage/disk_watch.hpp"
#include "support/backing.hpp"
#include "support/catch.hpp"

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <random>

#include <sys/sysmacros.h>

using aoetarget::Cache;
using aoetarget::Durability;
using aoetarget::FileOptions;
using aoetarget::Io;
using namespace aoetest;

namespace {

const Bytes one_zero_sector(sector_bytes, 0);

/// What the file below a loop device holds: the medium, as far as the file device can tell.
Bytes medium(const ImageFile& below, std::uint64_t lba, std::size_t sectors) {
    std::ifstream file(below.path(), std::ios::binary);
    file.seekg(static_cast<std::streamoff>(lba * sector_bytes));
    Bytes data(sectors * sector_bytes);
    file.read(reinterpret_cast<char*>(data.data()), static_cast<std::streamsize>(data.size()));
    return data;
}

/// How many flushes a block device has carried out.
std::uint64_t flushes(const LoopDevice& loop) {
    std::ifstream file("/sys/block/" + loop.path().substr(5) + "/stat");
    std::uint64_t value = 0;
    for (int field = 0; field < 16; ++field)
        file >> value;
    return value;
}

FileOptions through(Cache cache, Durability durability = Durability::stable) {
    FileOptions options;
    options.cache = cache;
    options.durability = durability;
    return options;
}

/// A loop device whose backing file system has room for a part of it only.
struct TightDisk {
    SmallFileSystem file_system{1U << 20};
    ImageFile below{16384, ImageFile::Fill::sparse, file_system.folder()};
    LoopDevice loop{below.path()};

    /// Writes until there is an error, and returns it.
    static int fill(FileDisk& disk) {
        for (std::uint64_t lba = 0; lba < 16384; lba += 128) {
            if (const int error = disk.write(lba, pattern(lba, 128)))
                return error;
        }
        return 0;
    }
};

} // namespace

TEST_CASE("data is read back as it was written, whichever cache, buffers and durability are used") {
    const auto cache = GENERATE(Cache::direct, Cache::page);
    const auto durability = GENERATE(Durability::stable, Durability::volatile_cache);
    const auto cut_bytes = GENERATE(TestIo::whole, std::size_t{4096}, std::size_t{512});
    const bool registered = GENERATE(false, true);
    const ImageFile image(1024);
    FileDisk disk(image.path(), through(cache, durability));

    const auto write = disk.make_write(40, pattern(40, 64, 1), cut_bytes);
    const auto read = disk.make(Io::Op::read, {32, 80}, cut_bytes);
    if (registered) {
        REQUIRE(disk.ring().register_buffer(write->memory()));
        REQUIRE(disk.ring().register_buffer(read->memory()));
    }
    REQUIRE(disk.run(*write) == 0);
    REQUIRE(disk.run(*read) == 0);

    Bytes expected = pattern(32, 80);
    const Bytes written = pattern(40, 64, 1);
    std::copy(written.begin(), written.end(), expected.begin() + 8 * sector_bytes);
    CHECK(read->data() == expected);
    CHECK(write->completions == 1);
    disk.close();
    CHECK(image.read(32, 80) == expected);
    CHECK(image.size_bytes() == 1024 * sector_bytes);
    disk.ring().unregister_buffer(write->memory());
    disk.ring().unregister_buffer(read->memory());
}

TEST_CASE("an operation of more buffers than the kernel takes at once is carried out whole") {
    const ImageFile image(4096);
    FileDisk disk(image.path());
    const auto write = disk.make_write(0, pattern(0, 3000, 1), sector_bytes);
    REQUIRE(disk.run(*write) == 0);
    const auto read = disk.make(Io::Op::read, {0, 3000}, sector_bytes);
    REQUIRE(disk.run(*read) == 0);
    CHECK(read->data() == pattern(0, 3000, 1));
    CHECK(disk.read(3000, 8) == pattern(3000, 8));
}

TEST_CASE("a window maps sector 0 to its offset and leaves the rest of the file alone") {
    const auto cache = GENERATE(Cache::direct, Cache::page);
    const ImageFile image(256);
    FileOptions options = through(cache);
    options.offset_bytes = 64 * sector_bytes;
    options.length_bytes = 128 * sector_bytes;
    FileDisk disk(image.path(), options);
    CHECK(disk.geometry().sectors == 128);
    CHECK(disk.read(0, 8) == pattern(64, 8));
    REQUIRE(disk.write(0, pattern(0, 128, 7)) == 0);
    CHECK(image.read(0, 64) == pattern(0, 64));
    CHECK(image.read(64, 128) == pattern(0, 128, 7));
    CHECK(image.read(192, 64) == pattern(192, 64));
}

TEST_CASE("many operations under way at once each complete once, with their own data") {
    const auto cache = GENERATE(Cache::direct, Cache::page);
    constexpr std::uint64_t sectors_each = 8;
    constexpr std::uint64_t operations = 500;
    const ImageFile image(sectors_each * operations);
    FileDisk disk(image.path(), through(cache));

    std::vector<std::uint64_t> order(operations);
    for (std::uint64_t i = 0; i < operations; ++i)
        order[i] = i * sectors_each;
    std::shuffle(order.begin(), order.end(), std::mt19937(1));
    std::vector<FileDisk::IoPointer> writes;
    for (const std::uint64_t lba : order) {
        writes.push_back(disk.make_write(lba, pattern(lba, sectors_each, 1)));
        disk.submit(*writes.back());
    }
    for (const auto& write : writes)
        disk.finish(*write);
    CHECK(std::all_of(writes.begin(), writes.end(),
                      [](const auto& write) { return write->error() == 0 && write->completions == 1; }));
    CHECK(disk.read(0, operations * sectors_each) == pattern(0, operations * sectors_each, 1));
}

TEST_CASE("reading beyond the end of a file that has shrunk is ENXIO, also where it ends within a sector") {
    const auto cache = GENERATE(Cache::direct, Cache::page);
    const ImageFile image(128);
    FileDisk disk(image.path(), through(cache));
    image.resize_bytes(9 * sector_bytes + 100);
    CHECK(disk.read(0, 8) == pattern(0, 8));
    CHECK(disk.run(*disk.make(Io::Op::read, {0, 16})) == ENXIO);
    CHECK(disk.run(*disk.make(Io::Op::read, {16, 8})) == ENXIO);
}

TEST_CASE("writing beyond the end of a disk that has shrunk is ENXIO, and no want of space") {
    if (!is_real_root())
        SKIP_BECAUSE("loop devices need root");
    const auto cache = GENERATE(Cache::direct, Cache::page);
    const ImageFile image(128);
    const LoopDevice loop(image.path());
    FileDisk disk(loop.path(), through(cache));
    image.resize_bytes(64 * sector_bytes);
    loop.follow_size();
    CHECK(disk.write(0, pattern(0, 8, 1)) == 0);
    CHECK(disk.write(64, pattern(64, 8, 1)) == ENXIO);
    CHECK(disk.run(*disk.make(Io::Op::read, {64, 8})) == ENXIO);
    CHECK_FALSE(disk.device().refuses_writes());
}

TEST_CASE("a discard makes a hole that reads as zeros, and spares its neighbours") {
    const auto cache = GENERATE(Cache::direct, Cache::page);
    const ImageFile image(2048);
    FileDisk disk(image.path(), through(cache));
    REQUIRE(disk.geometry().discard);
    CHECK(disk.geometry().discard_zeroes);
    const std::uint64_t before = image.allocated_bytes();
    // One that begins and ends within blocks of the file system.
    REQUIRE(disk.discard({1003, 1000}) == 0);
    CHECK(image.allocated_bytes() < before);
    CHECK(disk.read(995, 8) == pattern(995, 8));
    CHECK(disk.read(1003, 1000) == Bytes(1000 * sector_bytes, 0));
    CHECK(disk.read(2003, 8) == pattern(2003, 8));
    CHECK(image.size_bytes() == 2048 * sector_bytes);
}

TEST_CASE("a discard of a block device zeroes it down to the file below") {
    if (!is_real_root())
        SKIP_BECAUSE("loop devices need root");
    const ImageFile below(2048);
    const LoopDevice loop(below.path());
    FileDisk disk(loop.path());
    REQUIRE(disk.geometry().discard);
    REQUIRE(disk.discard({1024, 512}) == 0);
    CHECK(disk.read(1024, 512) == Bytes(512 * sector_bytes, 0));
    CHECK(medium(below, 1024, 512) == Bytes(512 * sector_bytes, 0));
    CHECK(disk.read(1536, 8) == pattern(1536, 8));
}

TEST_CASE("a disk of 4096-byte blocks is read, written and discarded in its blocks") {
    if (!is_real_root() || !ZramDevice::is_available())
        SKIP_BECAUSE("zram needs root and its module");
    const ZramDevice zram(4U << 20);
    FileDisk disk(zram.path());
    CHECK(disk.geometry().logical_block_bytes == 4096);
    CHECK(disk.geometry().physical_block_bytes == 4096);
    CHECK(disk.geometry().rotation_rate == 1);
    REQUIRE(disk.run(*disk.make_write(8, pattern(8, 80, 1), 4096)) == 0);
    CHECK(disk.read(8, 80) == pattern(8, 80, 1));
    if (disk.geometry().discard) {
        REQUIRE(disk.discard({16, 8}) == 0);
        CHECK(disk.read(16, 8) == Bytes(8 * sector_bytes, 0));
        CHECK(disk.read(24, 8) == pattern(24, 8, 1));
    }
}

// --- Durability
// ----------------------------------------------------------------------------------------------------------

TEST_CASE("a stable write is on the medium when it completes") {
    if (!is_real_root())
        SKIP_BECAUSE("loop devices need root");
    const auto cache = GENERATE(Cache::direct, Cache::page);
    const ImageFile below(2048, ImageFile::Fill::sparse);
    const LoopDevice loop(below.path());
    FileDisk disk(loop.path(), through(cache));
    CHECK_FALSE(disk.geometry().volatile_cache);
    const std::uint64_t before = flushes(loop);
    REQUIRE(disk.write(64, pattern(64, 16)) == 0);
    CHECK(medium(below, 64, 16) == pattern(64, 16));
    CHECK(flushes(loop) == before + 1);
}

TEST_CASE("writes that complete together share a flush of the disk") {
    if (!is_real_root())
        SKIP_BECAUSE("loop devices need root");
    constexpr std::uint64_t operations = 64;
    const ImageFile below(operations * 8);
    const LoopDevice loop(below.path());
    FileDisk disk(loop.path());
    const std::uint64_t before = flushes(loop);
    std::vector<FileDisk::IoPointer> writes;
    for (std::uint64_t i = 0; i < operations; ++i) {
        writes.push_back(disk.make_write(i * 8, pattern(i * 8, 8, 1)));
        disk.submit(*writes.back());
    }
    for (const auto& write : writes) {
        disk.finish(*write);
        CHECK(write->error() == 0);
    }
    CHECK(flushes(loop) > before);
    CHECK(flushes(loop) < before + operations);
    CHECK(medium(below, 0, operations * 8) == pattern(0, operations * 8, 1));
}

TEST_CASE("a write that is carried out while a sync is under way waits for the next one") {
    if (!is_real_root())
        SKIP_BECAUSE("loop devices need root");
    const ImageFile below(8192, ImageFile::Fill::sparse);
    const LoopDevice loop(below.path());
    FileDisk disk(loop.path(), through(Cache::page));
    for (std::uint8_t round = 0; round < 20; ++round) {
        const std::uint64_t before = flushes(loop);
        const auto first = disk.make_write(0, pattern(0, 4096, round)); // much to sync, which takes its time
        const auto second = disk.make_write(4096, pattern(4096, 8, round));
        disk.submit(*first);
        disk.turn();          // it is in the page cache, and its sync has begun
        disk.submit(*second); // into the page cache, which is done at once
        disk.finish(*first);
        CHECK(second->completions == 0);
        disk.finish(*second);
        CHECK(flushes(loop) == before + 2);
        CHECK(medium(below, 4096, 8) == pattern(4096, 8, round));
    }
}

TEST_CASE("a volatile write reaches the medium with the flush, and a durable one by itself") {
    if (!is_real_root())
        SKIP_BECAUSE("loop devices need root");
    const ImageFile below(2048, ImageFile::Fill::sparse);
    const LoopDevice loop(below.path());
    FileDisk disk(loop.path(), through(Cache::page, Durability::volatile_cache));
    CHECK(disk.geometry().volatile_cache);
    const std::uint64_t before = flushes(loop);

    REQUIRE(disk.write(0, pattern(0, 8)) == 0);
    CHECK(flushes(loop) == before);
    CHECK(disk.read(0, 8) == pattern(0, 8));

    SECTION("a flush") {
        REQUIRE(disk.flush() == 0);
    }
    SECTION("a durable write elsewhere") {
        const auto durable = disk.make_write(1024, pattern(1024, 8));
        durable->durable = true;
        REQUIRE(disk.run(*durable) == 0);
        CHECK(medium(below, 1024, 8) == pattern(1024, 8));
    }
    CHECK(flushes(loop) == before + 1);
    CHECK(medium(below, 0, 8) == pattern(0, 8));
}

TEST_CASE(
    "after a sync that failed every change is refused until the file is opened again, and reads are not") {
    if (!is_real_root())
        SKIP_BECAUSE("loop devices and mounts need root");
    const auto durability = GENERATE(Durability::stable, Durability::volatile_cache);
    const TightDisk tight;
    FileDisk disk(tight.loop.path(), through(Cache::page, durability));
    int error = TightDisk::fill(disk); // into the page cache, which the medium then has no room for
    if (durability == Durability::volatile_cache)
        error = disk.flush();
    CHECK(error != 0);

    CHECK(disk.device().refuses_writes());
    CHECK(disk.write(0, one_zero_sector) == error); // so that want of space stays that
    CHECK(disk.discard({0, 8}) == error);
    CHECK(disk.flush() == error);
    CHECK(disk.read(0, 8) == pattern(0, 8));

    FileOptions options = through(Cache::page, durability);
    options.replaces = true;
    FileDisk again(tight.loop.path(), options);
    disk.close();
    CHECK_FALSE(again.device().refuses_writes());
    CHECK(again.write(0, pattern(0, 8, 2)) == 0);
    CHECK(again.read(0, 8) == pattern(0, 8, 2));
}

TEST_CASE("all writes that wait for a sync get its error") {
    if (!is_real_root())
        SKIP_BECAUSE("loop devices and mounts need root");
    const TightDisk tight;
    FileDisk disk(tight.loop.path(), through(Cache::page));
    std::vector<FileDisk::IoPointer> writes;
    for (std::uint64_t lba = 0; lba < 16384; lba += 128) {
        writes.push_back(disk.make_write(lba, pattern(lba, 128)));
        disk.submit(*writes.back());
    }
    // Once one has failed, none that completes later succeeds.
    bool failed = false;
    bool succeeded_later = false;
    std::vector<bool> seen(writes.size());
    for (std::size_t finished = 0; finished < writes.size();) {
        disk.turn();
        bool fails_now = false;
        for (std::size_t i = 0; i < writes.size(); ++i) {
            if (seen[i] || writes[i]->completions == 0)
                continue;
            seen[i] = true;
            ++finished;
            fails_now = fails_now || writes[i]->error() != 0;
            succeeded_later = succeeded_later || (failed && writes[i]->error() == 0);
        }
        failed = failed || fails_now;
    }
    CHECK(failed);
    CHECK_FALSE(succeeded_later);
}

TEST_CASE("a write that the medium refuses under O_DIRECT fails alone") {
    if (!is_real_root())
        SKIP_BECAUSE("loop devices and mounts need root");
    const TightDisk tight;
    FileDisk disk(tight.loop.path(), through(Cache::direct));
    CHECK(TightDisk::fill(disk) != 0);
    CHECK(disk.write(0, pattern(0, 8, 3)) == 0);
    CHECK(disk.read(0, 8) == pattern(0, 8, 3));
    CHECK(disk.flush() == 0);
}

TEST_CASE("a file that has grown is served up to its new end, unless a length was given") {
    const ImageFile image(64);
    FileDisk disk(image.path());
    const auto limited = [&] {
        aoetarget::FileOptions options;
        options.length_bytes = 64 * sector_bytes;
        options.read_only = true;
        return options;
    };
    CHECK(disk.device().refresh_sectors() == 64);
    image.resize_bytes(128 * sector_bytes + 100);
    CHECK(disk.device().refresh_sectors() == 128);
    REQUIRE(disk.write(126, pattern(126, 2, 1)) == 0);
    CHECK(disk.read(126, 2) == pattern(126, 2, 1));
    image.resize_bytes(32 * sector_bytes);
    CHECK(disk.device().refresh_sectors() == 32);
    for (const std::uint64_t bytes : {100U, 0U}) {
        image.resize_bytes(bytes);
        CHECK(disk.device().refresh_sectors() == aoetarget::BlockDevice::no_sectors);
    }
    CHECK(disk.geometry().sectors == 128);
    disk.close();
    image.resize_bytes(64 * sector_bytes);
    FileDisk part(image.path(), limited());
    image.resize_bytes(128 * sector_bytes);
    CHECK(part.device().refresh_sectors() == 64);
}

TEST_CASE("an export that may grow keeps others off the part into which it grows") {
    const ImageFile image(64);
    const FileDisk disk(image.path());
    image.resize_bytes(128 * sector_bytes);
    aoetarget::FileOptions beyond;
    beyond.offset_bytes = 64 * sector_bytes;
    CHECK_THROWS(aoetarget::open_file(image.path(), beyond));
}

TEST_CASE("an event of the kernel tells which block device has changed") {
    using aoetarget::storage::changed_device;
    using namespace std::string_literals;
    const std::string path = "change@/devices/virtual/block/loop7\0"s;
    CHECK(changed_device(path + "ACTION=change\0SUBSYSTEM=block\0RESIZE=1\0MAJOR=7\0MINOR=71\0"s) ==
          makedev(7, 71));
    CHECK(changed_device(path + "ACTION=change\0SUBSYSTEM=block\0MINOR=71\0MAJOR=7"s) == makedev(7, 71));
    CHECK(changed_device(path + "ACTION=add\0SUBSYSTEM=block\0MAJOR=7\0MINOR=71\0"s) == 0);
    CHECK(changed_device(path + "ACTION=change\0SUBSYSTEM=net\0MAJOR=7\0MINOR=71\0"s) == 0);
    CHECK(changed_device("") == 0);
    CHECK(changed_device("\0\0="s) == 0);
}
