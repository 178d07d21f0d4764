// A file device that is opened without a claim, in this process or another one, and replaces the one that has
// it.
#include "file_disk.hpp"
#include "hand_over_fixture.hpp"
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

} // namespace

TEST_CASE("a device that is opened without a claim shares that of the one that it replaces", "[hand-over]") {
    const ImageFile image(256);
    const auto cache = GENERATE(Cache::direct, Cache::page);
    FileDisk old(open_file(image.path(), with_cache(window(64, 64), Cache::direct)));
    const DeviceParts parts = opened_elsewhere(image.path(), with_cache(window(64, 128), cache), unclaimed);
    CHECK(parts.descriptors.size() == 1);
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

TEST_CASE("a device without a claim is refused unless it replaces one with the same window", "[hand-over]") {
    const ImageFile image(256);
    FileOptions reader = with_cache(window(64, 64), Cache::direct);
    reader.read_only = true;
    const auto open_elsewhere = [&](const FileOptions& options) {
        return opened_elsewhere(image.path(), options, unclaimed);
    };
    check_refused(open_elsewhere({}), "it has no lock, and is to replace no other");
    check_refused(open_elsewhere({}), "it was sent without a lock, and no export here", EBADMSG, true);
    const auto other = open_file(image.path(), window(128, 64));
    check_refused(open_elsewhere(window(64, 64)), "no export here has this part of it", EBADMSG, true);
    auto device = open_file(image.path(), window(64, 64));
    check_refused(open_elsewhere(window(64, 65)), "another export or program has", EBUSY, true);
    CHECK(error_of([&] { put_together(open_elsewhere(reader), true); }) == 0);
    device.reset();
    device = open_file(image.path(), reader);
    check_refused(open_elsewhere(window(64, 64)), "cannot share the lock of a read-only one", EBUSY, true);
}

TEST_CASE("a disk that is opened without a claim shares the exclusive use", "[hand-over]") {
    if (!is_real_root())
        SKIP_BECAUSE("loop devices need root");
    const ImageFile below(256);
    const LoopDevice loop(below.path());
    auto old = open_file(loop.path());
    FileDisk next(put_together(opened_elsewhere(loop.path(), {}, unclaimed), true));
    old.reset();
    CHECK(next.discard({0, 8}) == 0); // through the file that has the exclusive use
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
    DeviceParts parts = opened_elsewhere(loop.path(), options, unclaimed);
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
