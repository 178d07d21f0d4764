// A file device that is opened without a claim, in this process or another one, and replaces the one that has
// it.
#include "file_disk.hpp"
#include "hand_over_fixture.hpp"
#include "ring/file_descriptor.hpp"
#include "support/backing.hpp"
#include "support/catch.hpp"

#include <aoetarget/target.hpp>

#include <cerrno>

using namespace aoetest;
using aoetarget::Address;
using aoetarget::Cache;
using aoetarget::DeviceParts;
using aoetarget::FileOptions;
using aoetarget::open_file;
using aoetarget::put_together;

namespace {

constexpr Opener unclaimed = aoetarget::open_unclaimed;

/// The options for a disk of which this process has the exclusive use.
FileOptions in_use(FileOptions options = {}) {
    options.replaces = true;
    return options;
}

} // namespace

TEST_CASE("a device that is opened without a claim shares that of the one that it replaces", "[hand-over]") {
    const ImageFile image(256);
    const auto cache = GENERATE(Cache::direct, Cache::page);
    FileDisk old(open_file(image.path(), with_cache(window(64, 64), Cache::direct)));
    const DeviceParts parts = opened_elsewhere(image.path(), with_cache(window(64, 128), cache), unclaimed);
    CHECK(parts.descriptors.size() == 2);
    FileDisk next(put_together(parts, true));
    CHECK(old.write(0, pattern(0, 8, 1)) == 0);
    CHECK(old.flush() == 0);
    old.close();
    CHECK(next.read(0, 8) == pattern(0, 8, 1));
    CHECK(next.write(120, pattern(0, 8, 2)) == 0);
    CHECK(refusal(image.path(), window(64, 8)).error == EBUSY);
    CHECK(refusal(image.path(), window(184, 8)).error == EBUSY);
    next.close();
    CHECK(refusal(image.path()).error == 0);
}

TEST_CASE("a device that shall replace another changes no lock of that one unless it does", "[hand-over]") {
    const ImageFile image(256);
    const auto direct = Cache::direct, page = Cache::page;
    FileOptions reader = with_cache(window(64, 64), direct);
    reader.read_only = true;
    const FileOptions next =
        GENERATE_COPY(with_cache(window(64, 128), direct), reader, with_cache(window(64, 32), direct),
                      with_cache(window(64, 64), page));
    const bool sent = GENERATE(true, false);
    FileOptions here = next;
    here.replaces = true;
    auto old = open_file(image.path(), with_cache(window(64, 64), direct));
    auto new_one = sent ? put_together(opened_elsewhere(image.path(), next, unclaimed), true)
                        : open_file(image.path(), here);
    reader.offset_bytes = 127 * sector_bytes;
    reader.length_bytes = sector_bytes;
    CHECK(refusal(image.path(), reader).error == EBUSY); // the old one still writes there

    SECTION("it does not") {
        new_one.reset();
        CHECK(refusal(image.path(), reader).error == EBUSY);
        CHECK(refusal(image.path(), with_cache(window(128, 64), direct)).error == 0);
        CHECK(refusal(image.path(), with_cache(window(128, 64), page)).error == EBUSY);
    }
    SECTION("it does") {
        old.reset();
        const std::uint64_t end = next.offset_bytes + next.length_bytes;
        CHECK(refusal(image.path(), window(64, 1)).error == EBUSY);
        CHECK((refusal(image.path(), reader).error == EBUSY) ==
              (!next.read_only && end >= 128 * sector_bytes));
        CHECK(refusal(image.path(), window(end / sector_bytes, 1)).error == 0);
        const auto writing_with = [&](Cache cache) {
            return refusal(image.path(), with_cache(window(0, 64), cache)).error;
        };
        CHECK((writing_with(page) == 0) == (next.read_only || next.cache == page));
        CHECK((writing_with(direct) == 0) == (next.read_only || next.cache == direct));
    }
}

TEST_CASE("a device that only reads replaces any of several with the same window", "[hand-over]") {
    const ImageFile image(256);
    FileOptions reader = window(64, 64);
    reader.read_only = true;
    aoetarget::Target target;
    for (const Address address : {Address{1, 1}, Address{1, 2}}) {
        aoetarget::ExportOptions options;
        options.address = address;
        target.add_export(options, open_file(image.path(), reader));
    }
    for (const Address address : {Address{1, 1}, Address{1, 2}})
        CHECK(target.replace_device(address,
                                    put_together(opened_elsewhere(image.path(), reader, unclaimed), true)));
}

TEST_CASE("a device replaces one with another window of the file, and others are kept off both",
          "[hand-over]") {
    const ImageFile image(256);
    const auto direct = Cache::direct, page = Cache::page;
    struct Case {
        std::uint64_t first, sectors;
        Cache cache;
        bool read_only;
    };
    const auto [first, sectors, cache, read_only] =
        GENERATE_COPY(Case{96, 64, direct, false}, Case{32, 64, direct, false}, Case{32, 128, page, false},
                      Case{80, 16, direct, false}, Case{160, 64, direct, false}, Case{160, 64, page, false},
                      Case{96, 64, direct, true}, Case{32, 64, page, true}, Case{0, 8, direct, true});
    CAPTURE(first, sectors, read_only);
    const auto beside = open_file(image.path(), window(248, 8, true));
    auto old = open_file(image.path(), with_cache(window(64, 64), direct));
    FileOptions wanted = with_cache(window(first, sectors, read_only), cache);
    auto next = put_together(opened_elsewhere(image.path(), wanted, unclaimed), true);
    const auto refuses = [&](std::uint64_t sector, bool reader) {
        return refusal(image.path(), with_cache(window(sector, 1, reader), direct)).error == EBUSY;
    };
    const auto is_in_old = [](std::uint64_t sector) { return sector >= 64 && sector < 128; };
    const auto is_in_next = [&, first = first, sectors = sectors](std::uint64_t sector) {
        return sector >= first && sector < first + sectors;
    };
    const std::uint64_t sectors_to_try[] = {0,  7,  8,   31,  32,  63,  64,  79, 80,
                                            95, 96, 127, 128, 159, 160, 223, 224};
    const bool writes_through_page = cache == page && !read_only;
    for (const std::uint64_t sector : sectors_to_try) {
        CAPTURE(sector);
        CHECK(refuses(sector, true) == (is_in_old(sector) || (is_in_next(sector) && !read_only)));
        if (!writes_through_page)
            CHECK(refuses(sector, false) == (is_in_old(sector) || is_in_next(sector)));
    }
    old.reset();
    for (const std::uint64_t sector : sectors_to_try) {
        CAPTURE(sector);
        CHECK(refuses(sector, true) == (is_in_next(sector) && !read_only));
        CHECK(refuses(sector, false) == (is_in_next(sector) || writes_through_page));
    }
    next.reset();
    CHECK(refusal(image.path(), window(0, 248)).error == 0);
}

TEST_CASE("a device that opens another window does not get what a third one has, and changes nothing",
          "[hand-over]") {
    const ImageFile image(256);
    const bool sent = GENERATE(true, false);
    const auto old = open_file(image.path(), window(64, 64));
    const auto third = open_file(image.path(), window(128, 64));
    FileOptions both = window(96, 64);
    if (sent) {
        check_refused(opened_elsewhere(image.path(), both, unclaimed), "another export or program has", EBUSY,
                      true);
    } else {
        both.replaces = true;
        CHECK(refusal(image.path(), both).error == EBUSY);
    }
    CHECK(refusal(image.path(), window(64, 1)).error == EBUSY);
    CHECK(refusal(image.path(), window(127, 1)).error == EBUSY);
    CHECK(refusal(image.path(), window(128, 1)).error == EBUSY);
    CHECK(refusal(image.path(), window(63, 1)).error == 0);
    CHECK(refusal(image.path(), window(192, 1)).error == 0);
}

TEST_CASE("a device replaces that of its export only, even with another window", "[hand-over]") {
    const ImageFile image(256);
    aoetarget::Target target;
    for (const std::uint16_t shelf : {std::uint16_t{1}, std::uint16_t{2}}) {
        aoetarget::ExportOptions options;
        options.address = {shelf, 0};
        target.add_export(options, open_file(image.path(), window(shelf == 1 ? 0 : 128, 64)));
    }
    const auto replace = [&](const Address& address, std::uint64_t first) {
        return error_of([&] {
            target.replace_device(
                address, put_together(opened_elsewhere(image.path(), window(first, 64), unclaimed), true));
        });
    };
    CHECK(replace({2, 0}, 32) == EBUSY);
    CHECK(replace({1, 0}, 32) == 0);
}

TEST_CASE("a disk that another export uses, too, gets another window without a claim", "[hand-over]") {
    if (!is_real_root())
        SKIP_BECAUSE("loop devices need root");
    const ImageFile below(256);
    const LoopDevice loop(below.path());
    auto beside = open_file(loop.path(), window(0, 64));
    auto old = open_file(loop.path(), window(64, 64));
    FileDisk next(put_together(opened_elsewhere(loop.path(), in_use(window(128, 64)), unclaimed), true));
    beside.reset();
    old.reset();
    CHECK(next.discard({0, 8}) == 0);
    CHECK_FALSE(is_free(loop.path()));
    CHECK(refusal(loop.path(), window(128, 8)).error == EBUSY);
    CHECK(refusal(loop.path(), window(64, 64)).error == 0);
    next.close();
    CHECK(is_free(loop.path()));
    check_refused(opened_elsewhere(loop.path(), in_use(window(128, 64)), unclaimed),
                  "no export here has the disk", EBADMSG, true);
}

TEST_CASE("a device without a claim is refused if somebody else has its window", "[hand-over]") {
    const ImageFile image(256);
    FileOptions reader = with_cache(window(64, 64), Cache::direct);
    reader.read_only = true;
    const auto open_elsewhere = [&](const FileOptions& options) {
        return opened_elsewhere(image.path(), options, unclaimed);
    };
    auto device = open_file(image.path(), window(64, 64));
    const auto other = open_file(image.path(), window(128, 64));
    check_refused(open_elsewhere(window(64, 64)), "another export or program has", EBUSY);
    check_refused(open_elsewhere(window(64, 65)), "another export or program has", EBUSY, true);
    CHECK(error_of([&] { put_together(open_elsewhere(reader), true); }) == 0);
}

TEST_CASE("a device that writes replaces one that only reads, and the other way round", "[hand-over]") {
    const ImageFile image(256);
    const bool sent = GENERATE(true, false);
    const auto replacing = [&](const FileOptions& options) {
        return sent ? put_together(opened_elsewhere(image.path(), options, unclaimed), true)
                    : open_file(image.path(), in_use(options));
    };
    const auto refuses = [&](std::uint64_t sector, bool reader) {
        return refusal(image.path(), with_cache(window(sector, 1, reader), Cache::direct)).error == EBUSY;
    };
    const auto beside = open_file(image.path(), window(0, 32, true));
    auto reader = open_file(image.path(), window(64, 64, true));
    FileDisk writer(replacing(with_cache(window(96, 64), Cache::direct)));
    CHECK(refuses(64, false));
    CHECK_FALSE(refuses(95, true));
    CHECK(refuses(96, true));
    CHECK(refuses(159, true));
    CHECK_FALSE(refuses(160, false));
    reader.reset();
    CHECK_FALSE(refuses(64, false));
    CHECK(refuses(127, true));
    CHECK(refuses(0, false));
    CHECK(writer.write(0, pattern(0, 8, 1)) == 0);
    CHECK(writer.flush() == 0);

    FileDisk last(replacing(window(96, 64, true)));
    CHECK(refuses(96, true));
    writer.close();
    CHECK_FALSE(refuses(96, true));
    CHECK(refuses(96, false));
    CHECK(last.read(0, 8) == pattern(0, 8, 1));
    FileDisk again(replacing(window(96, 64)));
    CHECK(refuses(96, true));
    last.close();
    again.close();
    CHECK_FALSE(refuses(96, false));
}

TEST_CASE("a device that writes does not replace one that only reads what others read, too", "[hand-over]") {
    const ImageFile image(256);
    const bool sent = GENERATE(true, false);
    const auto old = open_file(image.path(), window(64, 64, true));
    auto rival = open_file(image.path(), window(127, 1, true));
    if (sent)
        check_refused(opened_elsewhere(image.path(), window(64, 64), unclaimed),
                      "another export or program has this part of it in use", EBUSY, true);
    else
        CHECK(refusal(image.path(), in_use(window(64, 64))).error == EBUSY);
    CHECK((fcntl(take_apart(*old).descriptors[1], F_GETFL) & O_ACCMODE) == O_RDONLY); // as it was
    rival.reset();
    for (const std::uint64_t sector : {64U, 127U}) {
        CHECK(refusal(image.path(), window(sector, 1)).error == EBUSY);
        CHECK(refusal(image.path(), window(sector, 1, true)).error == 0);
    }
    CHECK(refusal(image.path(), in_use(window(64, 64))).error == 0);
    CHECK(refusal(image.path(), window(127, 1, true)).error == 0);
}

TEST_CASE("a disk that was only read brings its exclusive use when it is to be written", "[hand-over]") {
    if (!is_real_root())
        SKIP_BECAUSE("loop devices need root");
    const ImageFile below(256);
    const LoopDevice loop(below.path());
    auto reader = open_file(loop.path(), window(0, 256, true));
    {
        const aoetarget::ring::FileDescriptor mount(opened(loop.path(), O_RDONLY | O_EXCL));
        CHECK(error_of([&] { aoetarget::open_unclaimed(loop.path()); }) == EBUSY);
        CHECK(error_of([&] { aoetarget::open_unclaimed(loop.path(), in_use()); }) == 0);
    }
    FileDisk writer(put_together(opened_elsewhere(loop.path(), {}, unclaimed), true));
    CHECK_FALSE(is_free(loop.path()));
    reader.reset();
    CHECK(refusal(loop.path(), window(0, 256, true)).error == EBUSY);
    CHECK(writer.discard({0, 8}) == 0);
    reader = put_together(opened_elsewhere(loop.path(), in_use(window(0, 256, true)), unclaimed), true);
    writer.close();
    CHECK(is_free(loop.path()));
    CHECK(refusal(loop.path()).error == EBUSY);
    CHECK(refusal(loop.path(), window(0, 256, true)).error == 0);
}

TEST_CASE("a disk that is opened without a claim shares the exclusive use", "[hand-over]") {
    if (!is_real_root())
        SKIP_BECAUSE("loop devices need root");
    const ImageFile below(256);
    const LoopDevice loop(below.path());
    auto old = open_file(loop.path());
    FileDisk next(put_together(opened_elsewhere(loop.path(), in_use(), unclaimed), true));
    old.reset();
    CHECK(next.discard({0, 8}) == 0); // through the file that has the exclusive use
    CHECK_FALSE(is_free(loop.path()));
    next.close();
    CHECK(is_free(loop.path()));
}

TEST_CASE("another part of a disk shares the exclusive use, and has a lock of its own", "[hand-over]") {
    if (!is_real_root())
        SKIP_BECAUSE("loop devices need root");
    const ImageFile below(256);
    const LoopDevice loop(below.path());
    auto old = open_file(loop.path(), window(0, 64));
    FileDisk next(put_together(opened_elsewhere(loop.path(), in_use(window(64, 64)), unclaimed)));
    check_refused(opened_elsewhere(loop.path(), in_use(window(32, 64)), unclaimed),
                  "another export or program has", EBUSY, false);
    old.reset();
    CHECK_FALSE(is_free(loop.path()));
    next.close();
    CHECK(is_free(loop.path()));
}

TEST_CASE("a disk may be read ahead only with the exclusive use that it shares", "[hand-over]") {
    if (!is_real_root())
        SKIP_BECAUSE("loop devices need root");
    const ImageFile below(256);
    const LoopDevice loop(below.path());
    FileOptions options = with_cache({}, Cache::direct);
    options.force = GENERATE(false, true);
    const auto old = open_file(loop.path(), options);
    DeviceParts parts = opened_elsewhere(loop.path(), in_use(options), unclaimed);
    parts.facts = changed(parts.facts, {{Fact::read_ahead, "1"}});
    if (options.force)
        check_refused(parts, "no export here has its exclusive use", EBADMSG, true);
    else
        CHECK(put_together(parts, true)->geometry().read_ahead);
}

TEST_CASE("a target does not serve what was opened without a claim", "[hand-over]") {
    const ImageFile image(256);
    aoetarget::Target target;
    aoetarget::ExportOptions options;
    options.address = {1, 1};
    CHECK(error_of([&] { target.add_export(options, aoetarget::open_unclaimed(image.path())); }) == EINVAL);
    target.add_export(options, open_file(image.path()));
    CHECK(error_of([&] {
              target.replace_device({1, 1}, aoetarget::open_unclaimed(image.path()));
          }) == EINVAL);
    CHECK(target.replace_device({1, 1}, put_together(opened_elsewhere(image.path(), {}, unclaimed), true)));
}
