// Senders that do not tell the truth about a device, or damage it.
#include "file_disk.hpp"
#include "hand_over_fixture.hpp"
#include "support/backing.hpp"
#include "support/catch.hpp"

#include <cerrno>
#include <functional>
#include <utility>

#include <fcntl.h>
#include <unistd.h>

using namespace aoetest;
using aoetarget::Cache;
using aoetarget::DeviceParts;
using aoetarget::FileOptions;
using aoetarget::open_file;
using aoetarget::put_together;
using aoetarget::take_apart;

namespace {

/// Checks that one change of the facts is refused, with descriptors as they should be.
void check_lie(const DeviceParts& honest, const Facts& changes, const std::string& words) {
    CAPTURE(changes);
    DeviceParts parts = duplicated(honest);
    parts.facts = changed(parts.facts, changes);
    check_refused(parts, words);
}

/// Checks it of one other descriptor, with facts as they should be.
void check_swapped(const DeviceParts& honest, std::size_t place, int descriptor, const std::string& words,
                   int error = EBADMSG) {
    CAPTURE(place);
    DeviceParts parts = duplicated(honest);
    if (place == parts.descriptors.size())
        parts.descriptors.push_back(descriptor);
    else
        close(std::exchange(parts.descriptors[place], descriptor));
    check_refused(parts, words, error);
}

} // namespace

TEST_CASE("parts that are damaged or incomplete are refused, and their files closed", "[hand-over]") {
    const ImageFile image(256);
    const auto device = open_file(image.path());
    const DeviceParts whole = take_apart(*device);
    const auto check_damaged = [&](const std::function<void(DeviceParts&)>& damage) {
        DeviceParts parts = duplicated(whole);
        const int last = parts.descriptors.back();
        damage(parts);
        CHECK(error_of([&] { put_together(parts); }) == EBADMSG);
        if (!parts.descriptors.empty() && parts.descriptors.back() == last)
            CHECK(fcntl(last, F_GETFD) == -1);
    };
    for (std::size_t length = 0; length < whole.facts.size(); ++length)
        check_damaged([&](DeviceParts& parts) { parts.facts.resize(length); });
    check_damaged([](DeviceParts& parts) { parts.facts += "more"; });
    check_damaged([](DeviceParts& parts) { parts.facts.front() = 'A'; });
    check_damaged([](DeviceParts& parts) {
        close(parts.descriptors.back());
        parts.descriptors.pop_back();
    });
    check_damaged([](DeviceParts& parts) { parts.descriptors.push_back(-1); });
    check_damaged([](DeviceParts& parts) { // no regular file
        int pipes[2];
        REQUIRE(pipe2(pipes, O_CLOEXEC) == 0);
        close(pipes[1]);
        parts.descriptors.push_back(pipes[0]);
    });
    CHECK(error_of([&] { put_together(duplicated(whole)); }) == 0);
}

TEST_CASE("facts that contradict each other or the file are refused, with the one that is wrong",
          "[hand-over]") {
    const ImageFile image(256);
    const auto device = open_file(image.path());
    const DeviceParts honest = take_apart(*device);
    REQUIRE(changed(honest.facts, {}) == honest.facts);
    const auto check = [&](const Facts& changes, const std::string& words) {
        check_lie(honest, changes, words);
    };
    check({{Fact::path, "disk.img"}}, "its path does not begin at the root");
    check({{Fact::path, ""}}, "its path does not begin at the root");
    for (const Fact boolean : {Fact::regular, Fact::read_only, Fact::volatile_cache, Fact::discard,
                               Fact::discard_zeroes, Fact::read_ahead, Fact::blocks_submission}) {
        for (const auto* value : {"2", "-1", "", "true"})
            check({{boolean, value}}, "its facts are damaged");
    }
    check({{Fact::regular, "0"}}, "the file is not a block device");

    check({{Fact::offset, "1"}}, "its offset is not at a logical block");
    check({{Fact::offset, "512"}, {Fact::logical_block, "4096"}, {Fact::physical_block, "4096"}},
          "its offset is not at a logical block");
    check({{Fact::offset, "65536"}, {Fact::identity, "x+65536"}}, "beyond the end of the file");
    check({{Fact::offset, "18446744073709551104"}}, "its window is impossible");
    check({{Fact::offset, "18446744073709551104"}, {Fact::end, "18446744073709551615"}},
          "its window is impossible");
    check({{Fact::end, "0"}}, "its window is impossible");
    check({{Fact::end, std::to_string((1ULL << 62) + 512)}}, "its window is impossible");
    check({{Fact::end, "18446744073709551616"}}, "its facts are damaged");
    check({{Fact::end, "65536"}}, "its sectors reach beyond its window");

    check({{Fact::sectors, "264"}}, "beyond the end of the file");
    for (const auto* sectors : {"0", "281474976710656", "36028797018963968", "18446744073709551615"})
        check({{Fact::sectors, sectors}}, "its geometry is impossible");
    for (const auto* bytes : {"0", "256", "768", "131072", "4294967295"})
        check({{Fact::logical_block, bytes}}, "its geometry is impossible");
    for (const auto* bytes : {"0", "256", "6144", "33554432"})
        check({{Fact::physical_block, bytes}}, "its geometry is impossible");
    check({{Fact::physical_offset, "65536"}}, "its geometry is impossible");
    for (const auto* bytes : {"0", "3", "8192"})
        check({{Fact::memory_alignment, bytes}}, "its geometry is impossible");
    check({{Fact::memory_alignment, "1"}}, "its memory is not aligned to its blocks");
    check({{Fact::rotation_rate, "7200"}}, "its rotation rate is impossible");
    check({{Fact::rotation_rate, "65536"}}, "its facts are damaged");

    check({{Fact::read_only, "1"}, {Fact::discard, "1"}}, "it is read-only and takes discards");
    check({{Fact::discard, "0"}, {Fact::discard_zeroes, "1"}}, "it discards otherwise than a file does");
    check({{Fact::volatile_cache, "1"}}, "its mode is not that of the file");
    check({{Fact::mode, "page cache, stable"}}, "its mode is not that of the file");
    check({{Fact::mode, ""}}, "its mode is not that of the file");
    check({{Fact::identity, "x"}}, "its identity does not name its offset");
    check({{Fact::notes, "1"}}, "its facts are damaged");
    check({{Fact::notes, "18446744073709551615"}}, "its facts are damaged");
    check({{Fact::notes, "17" + std::string(17, '\0')}}, "it has too many notes");
    check({{Fact::path, "/" + std::string(DeviceParts::max_facts_bytes, 'x')}}, "its facts are too long");
    CHECK(put_together(duplicated(honest))->geometry().sectors == 256);
}

TEST_CASE("a file that is another one, or open otherwise than open_file() opens it, is refused",
          "[hand-over]") {
    const ImageFile image(256);
    const ImageFile other(256);
    const auto device = open_file(image.path(), with_cache({}, Cache::direct));
    const DeviceParts honest = take_apart(*device);
    const std::string& path = image.path();
    check_swapped(honest, 0, opened(other.path(), O_RDWR | O_DIRECT), "another one than that of the data");
    check_swapped(honest, 1, opened(other.path(), O_RDWR), "the file of the lock is another one");
    check_swapped(honest, 0, opened("/", O_RDONLY), "the file is not a regular file");
    check_swapped(honest, 1, opened("/dev/null", O_RDWR), "the file of the lock is not a regular file");
    check_swapped(honest, 2, opened(path, O_RDWR), "only a block device that is written");
    for (const std::size_t place : {0U, 1U}) {
        check_swapped(honest, place, opened(path, O_RDONLY), "is not open for writing");
        check_swapped(honest, place, opened(path, O_WRONLY), "is not open for reading");
        check_swapped(honest, place, opened(path, O_PATH), "is not open for I/O (O_PATH)");
        check_swapped(honest, place, opened(path, O_RDWR | O_APPEND), "is open for appending (O_APPEND)");
        check_swapped(honest, place, opened(path, O_RDWR | O_NONBLOCK), "is open without waiting");
    }
    check_swapped(honest, 0, opened(path, O_RDWR), "its mode is not that of the file (O_DIRECT)");
    image.resize_bytes(255 * sector_bytes);
    check_refused(duplicated(honest), "beyond the end of the file");
}

TEST_CASE("facts that only the page cache makes wrong are refused", "[hand-over]") {
    const ImageFile image(256);
    const auto device = open_file(image.path(), with_cache({}, Cache::page));
    const DeviceParts honest = take_apart(*device);
    check_swapped(honest, 0, opened(image.path(), O_RDWR | O_DIRECT), "its mode is not that of the file");
    check_lie(honest, {{Fact::read_ahead, "1"}}, "it reads ahead although others may change the data");
    check_lie(honest, {{Fact::logical_block, "4096"}, {Fact::physical_block, "4096"}},
              "its logical blocks are not those of the page cache");
    CHECK(put_together(duplicated(honest))->mode() == "page cache, stable");
}

TEST_CASE("a device whose lock another open file has is refused", "[hand-over]") {
    const ImageFile image(256);
    const FileOptions left = with_cache(window(0, 64), Cache::direct);
    const auto device = open_file(image.path(), left);
    check_swapped(take_apart(*device), 1, opened(image.path(), O_RDWR),
                  "another export or program has this part of it in use", EBUSY);
    FileOptions read_only = window(64, 64);
    read_only.read_only = true;
    const auto reader = open_file(image.path(), read_only);
    CHECK(error_of([&] { put_together(duplicated(take_apart(*reader))); }) == 0);
    DeviceParts second_reader = duplicated(take_apart(*reader));
    close(std::exchange(second_reader.descriptors[1], opened(image.path(), O_RDONLY)));
    CHECK(error_of([&] { put_together(second_reader); }) == 0); // readers share
    DeviceParts overlap = duplicated(take_apart(*reader));
    overlap.facts = changed(overlap.facts, {{Fact::offset, "31744"}, {Fact::identity, "x+31744"}});
    check_refused(overlap, "another export or program has this part of it in use", EBUSY);
}

TEST_CASE("a lock that the sender does not have but nobody else either is taken", "[hand-over]") {
    const ImageFile image(256);
    const FileOptions options = with_cache(window(0, 64), Cache::direct);
    DeviceParts parts{take_apart(*open_file(image.path(), options)).facts,
                      {opened(image.path(), O_RDWR | O_DIRECT), opened(image.path(), O_RDWR)}};
    const auto device = put_together(parts);
    CHECK(refusal(image.path(), options).error == EBUSY);
    // The one for the cache too.
    CHECK(refusal(image.path(), with_cache(window(64, 64), Cache::page)).error == EBUSY);
}

TEST_CASE("a device that would write past the page cache while another writes through it is refused",
          "[hand-over]") {
    const ImageFile image(256);
    const FileOptions options = with_cache(window(0, 64), Cache::direct);
    const std::string facts = take_apart(*open_file(image.path(), options)).facts;
    const auto other = open_file(image.path(), with_cache(window(64, 64), Cache::page));
    check_refused({facts, {opened(image.path(), O_RDWR | O_DIRECT), opened(image.path(), O_RDWR)}},
                  "another export of the file uses the other cache", EBUSY);
}

TEST_CASE("a block device that is not what its facts tell is refused", "[hand-over]") {
    if (!is_real_root())
        SKIP_BECAUSE("loop devices need root");
    const ImageFile below(256);
    const ImageFile below_other(256);
    const LoopDevice loop(below.path(), 4096);
    const LoopDevice other(below_other.path(), 4096);
    const auto cache = GENERATE(Cache::direct, Cache::page);
    CAPTURE(cache);
    const auto device = open_file(loop.path(), with_cache({}, cache));
    const DeviceParts honest = take_apart(*device);
    REQUIRE(honest.descriptors.size() == 3);
    check_lie(honest, {{Fact::regular, "1"}}, "the file is not a regular file");
    check_lie(honest, {{Fact::sectors, "264"}}, "beyond the end of the file or device");
    if (cache == Cache::direct)
        check_lie(honest, {{Fact::logical_block, "512"}}, "its logical blocks are smaller than the device's");
    else
        check_lie(honest, {{Fact::blocks_submission, "0"}}, "its operations block their submission");
    check_lie(honest,
              {{Fact::read_only, "1"},
               {Fact::discard, "0"},
               {Fact::discard_zeroes, "0"},
               {Fact::mode, cache == Cache::direct ? "direct, read-only" : "page cache, read-only"}},
              "only a block device that is written has a file of the exclusive use");
    check_swapped(honest, 2, opened(other.path(), O_RDWR), "the file of the exclusive use is another one");
    check_swapped(honest, 2, opened(loop.path(), O_RDONLY), "the file of the exclusive use is not open for");
    check_swapped(honest, 2, opened(below.path(), O_RDWR), "the file of the exclusive use is not a block");
    CHECK(error_of([&] { put_together(duplicated(honest)); }) == 0);
}
