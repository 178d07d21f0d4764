// Devices of one file or disk beside each other and beside other programs: which may be, and what each may
// have.
#include "file_disk.hpp"
#include "file_opening.hpp"
#include "support/backing.hpp"
#include "support/catch.hpp"

#include <atomic>
#include <cerrno>
#include <system_error>
#include <thread>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

using aoetarget::Cache;
using aoetarget::FileOptions;
using aoetarget::open_file;
using namespace aoetest;

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

TEST_CASE("a device that replaces one of this process is refused what others use") {
    const ImageFile image(256);
    const auto other = open_file(image.path(), window(0, 64));
    const auto neighbour = open_file(image.path(), window(64, 64));
    for (const std::uint64_t first : {0U, 8U, 32U}) {
        FileOptions options = window(first, 96);
        options.replaces = true;
        CHECK(refusal(image.path(), options).error == EBUSY);
    }
}

TEST_CASE("windows of one file are not written through the page cache and past it at once") {
    const ImageFile image(256);
    const Cache cache = GENERATE(Cache::page, Cache::direct);
    const Cache other = cache == Cache::page ? Cache::direct : Cache::page;
    const auto first = open_file(image.path(), with_cache(window(0, 64), cache));

    const Refusal refused = refusal(image.path(), with_cache(window(64, 64), other));
    CHECK(refused.error == EBUSY);
    CHECK(refused.says("give all of them the same cache"));
    CHECK(refusal(image.path(), with_cache(window(64, 64), cache)).error == 0);
    FileOptions reader = with_cache(window(64, 64), other);
    reader.read_only = true;
    CHECK(refusal(image.path(), reader).error == 0);
    const ImageFile another(256);
    CHECK(refusal(another.path(), with_cache(window(64, 64), other)).error == 0);
}

TEST_CASE("a window that may use either cache follows the others of its file") {
    const ImageFile image(256);
    auto first = open_file(image.path(), with_cache(window(0, 64), Cache::page));
    {
        const auto second = open_file(image.path(), window(64, 64));
        CHECK(second->mode() == "page cache, stable");
        CHECK(notes_say(*second, "another export that writes to the file does so"));
        CHECK_FALSE(second->geometry().read_ahead);
        first.reset();
        CHECK(refusal(image.path(), with_cache(window(0, 64), Cache::direct)).error == EBUSY);
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
        CHECK(refusal(loop.path(), with_cache(window(128, 64), Cache::page)).says("the same cache"));
        CHECK_FALSE(is_free(loop.path()));
        first.close();
        CHECK_FALSE(is_free(loop.path()));
        CHECK(refusal(loop.path(), window(0, 64)).error == 0);
    }
    CHECK(is_free(loop.path()));
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
