// A file device that another process has opened.
#include "file_disk.hpp"
#include "hand_over_fixture.hpp"
#include "support/backing.hpp"
#include "support/catch.hpp"

#include <cerrno>
#include <optional>

#include <sys/resource.h>

using namespace aoetest;
using aoetarget::Cache;
using aoetarget::DeviceParts;
using aoetarget::FileOptions;
using aoetarget::open_file;
using aoetarget::put_together;
using aoetarget::take_apart;

TEST_CASE("a device that another process has opened works here, and keeps its lock", "[hand-over]") {
    const ImageFile image(256);
    FileOptions options = window(64, 128);
    options.cache = GENERATE(Cache::direct, Cache::page);
    FileDisk disk(put_together(opened_elsewhere(image.path(), options)));
    CHECK(disk.geometry().sectors == 128);
    CHECK(disk.device().mode() == (options.cache == Cache::page ? "page cache, stable" : "direct, stable"));
    CHECK(disk.read(0, 8) == pattern(64, 8));
    CHECK(disk.write(8, pattern(8, 8, 1)) == 0);
    CHECK(disk.flush() == 0);
    CHECK(image.read(72, 8) == pattern(8, 8, 1));
    CHECK(refusal(image.path(), window(0, 65)).error == EBUSY);
    CHECK(refusal(image.path(), window(0, 64)).error == 0);
    options.replaces = true; // so that the next one can share the lock
    CHECK(refusal(image.path(), options).error == 0);
    const std::string identity = disk.device().identity();
    disk.close();
    options.replaces = false;
    const auto again = open_file(image.path(), options);
    CHECK(again->identity() == identity);
}

TEST_CASE("a disk that another process has opened stays in exclusive use, which its windows share",
          "[hand-over]") {
    if (!is_real_root())
        SKIP_BECAUSE("loop devices need root");
    const ImageFile below(256);
    const LoopDevice loop(below.path());
    std::optional<FileDisk> disk(std::in_place, put_together(opened_elsewhere(loop.path(), window(0, 64))));
    CHECK(disk->discard({0, 8}) == 0); // through the file that has the exclusive use
    CHECK(disk->read(0, 8) == Bytes(8 * sector_bytes, 0));
    CHECK_FALSE(is_free(loop.path()));
    auto neighbour = open_file(loop.path(), window(64, 64));
    auto third = put_together(duplicated(take_apart(*neighbour)));
    disk.reset();
    neighbour.reset();
    CHECK_FALSE(is_free(loop.path()));
    CHECK(refusal(loop.path(), window(64, 64)).error == EBUSY);
    third.reset();
    CHECK(is_free(loop.path()));
}

TEST_CASE("a disk that is only read is handed over without exclusive use", "[hand-over]") {
    if (!is_real_root())
        SKIP_BECAUSE("loop devices need root");
    const ImageFile below(256);
    const LoopDevice loop(below.path());
    FileOptions options;
    options.read_only = true;
    const DeviceParts parts = opened_elsewhere(loop.path(), options);
    CHECK(parts.descriptors.size() == 2);
    FileDisk disk(put_together(parts));
    CHECK(disk.geometry().read_only);
    CHECK(disk.read(3, 8) == pattern(3, 8));
    CHECK(refusal(loop.path()).error == EBUSY);
}

TEST_CASE("a device is refused whose file is larger than this process may write", "[hand-over]") {
    const ImageFile image(256);
    const DeviceParts parts = opened_elsewhere(image.path());
    rlimit limit{};
    REQUIRE(getrlimit(RLIMIT_FSIZE, &limit) == 0);
    const rlimit low{.rlim_cur = 64 * sector_bytes, .rlim_max = limit.rlim_max};
    REQUIRE(setrlimit(RLIMIT_FSIZE, &low) == 0);
    const Refusal refused = refusal_of([&] { put_together(parts); });
    REQUIRE(setrlimit(RLIMIT_FSIZE, &limit) == 0);
    CHECK(refused.error == EFBIG);
    CHECK(refused.says("raise 'ulimit -f'"));
}

TEST_CASE("only disks with a name of their own are known again without being opened", "[hand-over]") {
    const ImageFile image(256);
    CHECK(aoetarget::find_own_identity(image.path()).empty());
    CHECK(aoetarget::find_own_identity(image.path() + "-none").empty());
    if (!is_real_root())
        SKIP_BECAUSE("loop devices need root");
    const LoopDevice loop(image.path());
    CHECK(aoetarget::find_own_identity(loop.path()).empty());
    const WorldWideName named(loop.path(), "naa.5000c500a1b2c3d4");
    const FileOptions options = window(8, 64);
    CHECK(aoetarget::find_own_identity(loop.path(), options) == "naa.5000c500a1b2c3d4+4096");
    CHECK(aoetarget::find_own_identity(loop.path(), options) == open_file(loop.path(), options)->identity());
}

TEST_CASE("one open file that was sent is not taken twice", "[hand-over]") {
    const ImageFile image(256);
    const DeviceParts parts = opened_elsewhere(image.path());
    const DeviceParts again = duplicated(parts);
    const auto device = put_together(parts);
    check_refused(again, "the same open file", EBUSY);
}
