// A file device of a file that somebody else has opened, as a service manager does.
#include "hand_over_fixture.hpp"
#include "support/backing.hpp"
#include "support/catch.hpp"
#include "support/open_files.hpp"

#include <cerrno>

#include <fcntl.h>
#include <unistd.h>

using namespace aoetest;
using aoetarget::Cache;
using aoetarget::FileOptions;
using aoetarget::open_file;
using aoetarget::take_apart;

TEST_CASE("a file that somebody else has opened is checked and locked as any other", "[storage]") {
    const ImageFile image(64);
    const std::string identity = open_file(image.path())->identity();
    {
        const auto device =
            aoetarget::adopt_file(opened(image.path(), O_RDWR | O_APPEND | O_NONBLOCK), image.path());
        CHECK(device->geometry().sectors == 64);
        CHECK(device->notes().empty());
        CHECK(device->identity() == identity);
        const int flags = fcntl(take_apart(*device).descriptors.front(), F_GETFL);
        CHECK((flags & (O_APPEND | O_NONBLOCK)) == 0);
        CHECK(refusal(image.path()).error == EBUSY);
        CHECK(error_of([&] { aoetarget::adopt_file(opened(image.path(), O_RDWR), image.path()); }) == EBUSY);
    }
    CHECK(refusal(image.path()).error == 0);
    FileOptions read_only;
    read_only.read_only = true;
    CHECK(
        aoetarget::adopt_file(opened(image.path(), O_RDONLY), image.path(), read_only)->geometry().read_only);
    CHECK(aoetarget::adopt_file(opened(image.path(), O_RDWR), image.path(), window(8, 16))
              ->geometry()
              .sectors == 16);
}

TEST_CASE("one open file is not taken twice, whatever the windows", "[storage][hand-over]") {
    const ImageFile image(64);
    FileOptions first = with_cache(window(0, 32), Cache::page);
    FileOptions second = with_cache(GENERATE(window(0, 32), window(32, 32)), Cache::page);
    first.read_only = second.read_only = GENERATE(false, true);
    const int file = opened(image.path(), O_RDWR), again = dup(file);
    const int later = dup(file), anew = opened(image.path(), O_RDWR);
    {
        const auto device = aoetarget::adopt_file(file, image.path(), first);
        const Refusal refused = refusal_of([&] { aoetarget::adopt_file(again, image.path(), second); });
        CHECK(refused.error == EBUSY);
        CHECK_THAT(refused.text, Catch::Contains(image.path()) && Catch::Contains("the same open file"));
        if (first.read_only || second.offset_bytes != 0)
            CHECK(aoetarget::adopt_file(anew, image.path(), second) != nullptr);
        else
            close(anew);
    }
    CHECK(aoetarget::adopt_file(later, image.path(), second) != nullptr);
}

TEST_CASE("a file that is not as its export needs it is refused, and closed", "[storage]") {
    const ImageFile image(64), other(64);
    const std::size_t files = open_files();
    const auto text_of = [&](const std::string& path, int flags, const FileOptions& options = {}) {
        const int file = opened(path, flags);
        const Refusal refused = refusal_of([&] { aoetarget::adopt_file(file, image.path(), options); });
        CHECK(refused.error == EINVAL);
        return refused.text;
    };
    FileOptions read_only;
    read_only.read_only = true;
    CHECK_THAT(text_of(image.path(), O_RDONLY), Catch::Contains("reading and writing"));
    CHECK_THAT(text_of(image.path(), O_WRONLY), Catch::Contains("reading and writing"));
    CHECK_THAT(text_of(image.path(), O_WRONLY, read_only), Catch::Contains("open for reading"));
    CHECK_THAT(text_of(image.path(), O_PATH, read_only), Catch::Contains("open for reading"));
    CHECK_THAT(text_of(other.path(), O_RDWR), Catch::Contains("another file"));
    CHECK_THAT(text_of("/dev/null", O_RDWR), Catch::Contains("neither of a regular file"));
    CHECK_THAT(text_of(image.path(), O_RDWR, window(32, 64)), Catch::Contains("length"));
    CHECK(error_of([&] { aoetarget::adopt_file(-1, image.path()); }) != 0);
    CHECK(open_files() == files);
}
