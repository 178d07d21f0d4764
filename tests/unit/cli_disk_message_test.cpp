// Reports from the process that opens disks.
#include "service/disk_message.hpp"
#include "support/catch.hpp"
#include "support/open_files.hpp"

#include <array>

#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

using namespace cli;
using aoetest::open_files;

namespace {

struct Pair {
    Pair() { REQUIRE(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) == 0); }
    ~Pair() {
        for (const int end : ends)
            close(end);
    }
    std::array<int, 2> ends{};
};

DiskReport device_report(const Pair& pair) {
    return {
        .kind = DiskReport::Kind::device,
        .exported = 7,
        .device = {.facts = std::string("facts\0more", 10), .descriptors = {pair.ends[0], 0, pair.ends[1]}}};
}

} // namespace

TEST_CASE("reports arrive one by one, as they were sent", "[disk-message]") {
    const Pair pair;
    CHECK_FALSE(receive(pair.ends[1]));
    REQUIRE(send(pair.ends[0], {.kind = DiskReport::Kind::refused, .exported = 3, .text = "It is mounted."}));
    REQUIRE(send(pair.ends[0], device_report(pair)));
    const auto refused = receive(pair.ends[1]);
    REQUIRE(refused);
    CHECK(refused->kind == DiskReport::Kind::refused);
    CHECK(refused->exported == 3);
    CHECK(refused->text == "It is mounted.");
    CHECK(refused->device.descriptors.empty());
    const auto device = receive(pair.ends[1]);
    REQUIRE(device);
    CHECK(device->kind == DiskReport::Kind::device);
    CHECK(device->exported == 7);
    CHECK(device->device.facts == std::string("facts\0more", 10));
    REQUIRE(device->device.descriptors.size() == 3);
    for (const int descriptor : device->device.descriptors)
        CHECK(close(descriptor) == 0);
    CHECK_FALSE(receive(pair.ends[1]));
}

TEST_CASE("a device of which not all files could be received comes without any", "[disk-message]") {
    const Pair pair;
    REQUIRE(send(pair.ends[0], device_report(pair)));
    const std::size_t files = open_files();
    rlimit usual{};
    REQUIRE(getrlimit(RLIMIT_NOFILE, &usual) == 0);
    const int next = dup(0);
    close(next);
    const rlimit two_more{.rlim_cur = static_cast<rlim_t>(next) + 2, .rlim_max = usual.rlim_max};
    REQUIRE(setrlimit(RLIMIT_NOFILE, &two_more) == 0);
    const auto device = receive(pair.ends[1]);
    REQUIRE(setrlimit(RLIMIT_NOFILE, &usual) == 0);
    REQUIRE(device);
    CHECK(device->exported == 7);
    CHECK(device->device.descriptors.empty());
    CHECK(open_files() == files);
}
