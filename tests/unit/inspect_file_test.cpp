// inspect_file(): it agrees with open_file(), and takes nothing.
#include "support/backing.hpp"
#include "support/catch.hpp"
#include "support/test_network.hpp"

#include <aoetarget/inspect.hpp>

#include <functional>
#include <system_error>
#include <vector>

#include <sys/mount.h>

using aoetarget::Cache;
using aoetarget::FileOptions;
using aoetarget::inspect_file;
using aoetarget::open_file;
using namespace aoetest;

namespace {

std::string text_of_error(const std::function<void()>& action) {
    try {
        action();
    } catch (const std::system_error& error) {
        return error.what();
    }
    return {};
}

std::vector<FileOptions> all_kinds() {
    std::vector<FileOptions> kinds(6);
    kinds[1].read_only = true;
    kinds[2].cache = Cache::page;
    kinds[3].durability = aoetarget::Durability::volatile_cache;
    kinds[4].offset_bytes = 3 * 512;
    kinds[4].length_bytes = 512;
    kinds[5].offset_bytes = 1 << 30; // is refused
    return kinds;
}

void agrees_with_open(const std::string& path, const FileOptions& options, bool knows_discard) {
    const std::string refusal = text_of_error([&] { open_file(path, options); });
    CHECK(text_of_error([&] { inspect_file(path, options); }) == refusal);
    if (!refusal.empty())
        return;
    const auto found = inspect_file(path, options);
    CHECK(found.uses.empty());
    const auto device = open_file(path, options); // what was looked at is free
    aoetarget::Geometry geometry = device->geometry();
    if (!knows_discard)
        geometry.discard = geometry.discard_zeroes = false;
    CHECK(found.geometry.sectors == geometry.sectors);
    CHECK(found.geometry.logical_block_bytes == geometry.logical_block_bytes);
    CHECK(found.geometry.physical_block_bytes == geometry.physical_block_bytes);
    CHECK(found.geometry.physical_offset_sectors == geometry.physical_offset_sectors);
    CHECK(found.geometry.memory_alignment == geometry.memory_alignment);
    CHECK(found.geometry.read_ahead == geometry.read_ahead);
    CHECK(found.geometry.discard == geometry.discard);
    CHECK(found.mode == device->mode());
    CHECK(found.notes == device->notes());
}

} // namespace

TEST_CASE("a file is inspected as it is opened, and refused with the same text", "[inspect]") {
    const ImageFile image(64);
    for (const FileOptions& options : all_kinds())
        agrees_with_open(image.path(), options, false);
    agrees_with_open(image.path() + ".missing", {}, false);
    agrees_with_open("/dev/null", {}, false);
    const auto found = inspect_file(image.path());
    CHECK_FALSE(found.block_device);
    CHECK(found.bytes == 64 * 512);
    CHECK(found.allocated_bytes >= 64 * 512);
    CHECK(found.free_bytes > 0);
}

TEST_CASE("a block device is inspected as it is opened", "[inspect]") {
    if (!has_real_root())
        SKIP_BECAUSE("a loop device needs real root");
    const ImageFile image(64);
    for (const unsigned block_bytes : {512U, 4096U}) {
        const LoopDevice loop(image.path(), block_bytes);
        for (const FileOptions& options : all_kinds())
            agrees_with_open(loop.path(), options, true);
        CHECK(inspect_file(loop.path()).block_device);
        CHECK_FALSE(inspect_file(loop.path()).write_cache.empty());
    }
}

TEST_CASE("the lock of another open file is found on the window that it has", "[inspect]") {
    const ImageFile image(64);
    FileOptions first, second;
    first.length_bytes = second.offset_bytes = 32 * 512;
    second.length_bytes = 32 * 512;
    const auto device = open_file(image.path(), first);
    const auto found = inspect_file(image.path(), first);
    REQUIRE(found.uses.size() == 1);
    CHECK(found.uses[0].is_certain);
    CHECK(found.uses[0].text.find("this part of it is in use by") != std::string::npos);
    CHECK(inspect_file(image.path(), second).uses.empty());
    first.read_only = true;
    CHECK(inspect_file(image.path(), first).uses.size() == 1);
}

TEST_CASE("readers do not stand in each other's way", "[inspect]") {
    const ImageFile image(64);
    FileOptions reading;
    reading.read_only = true;
    const auto device = open_file(image.path(), reading);
    CHECK(inspect_file(image.path(), reading).uses.empty());
    CHECK(inspect_file(image.path()).uses.size() == 1);
}
