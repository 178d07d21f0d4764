// An export whose device has another capacity than before.
#include "core_fixture.hpp"
#include "support/catch.hpp"

using namespace aoetest;
using namespace std::chrono_literals;
using aoetarget::EventKind;

namespace {

constexpr aoetarget::Address first{1, 1};

/// Lets time pass until the last copy of each advertisement is sent and every event is told.
void pass(CoreFixture& core) {
    for (int copy = 0; copy < 3; ++copy) {
        core.now += 1h;
        core.turn();
    }
}

void grow(Disk& disk, std::uint64_t sectors) {
    disk.present_sectors = disk.geometry.sectors = sectors;
    disk.data.resize(sectors * sector_bytes);
    disk.stable = disk.data;
}

std::uint64_t capacity(CoreFixture& core) {
    return Identify(core.ask(identify_request()).data()).sectors_48();
}

} // namespace

TEST_CASE("an export that has grown serves the new sectors, advertises, and tells of it", "[core][resize]") {
    CoreFixture core;
    Disk& disk = core.add_export(256);
    pass(core);
    core.take_advertisements();
    const std::uint32_t under_way = core.send(write_request(254, pattern(254, 2, 1)));
    CHECK_FALSE(core.ask(read_request(256, 1)).succeeded());
    grow(disk, 512);
    CHECK(core.core.resize_export(first) == 512);
    core.turn();
    CHECK(core.reply(under_way).succeeded());
    CHECK(core.ask(write_request(510, pattern(510, 2, 1))).succeeded());
    CHECK(core.ask(read_request(510, 2)).data() == pattern(510, 2, 1));
    CHECK_FALSE(core.ask(read_request(512, 1)).succeeded());
    CHECK(capacity(core) == 512);
    CHECK(core.stats().sectors == 512);
    CHECK_FALSE(core.take_advertisements().empty());
    pass(core);
    REQUIRE(core.events.size() == 1);
    CHECK(core.events[0].kind == EventKind::export_resized);
    CHECK(core.events[0].subject == "e1.1");
    CHECK(core.events[0].text.find("512 sectors now, 256 more") != std::string::npos);
}

TEST_CASE("an export grows by whole logical blocks", "[core][resize]") {
    CoreFixture core;
    Disk& disk = core.add_export(geometry_of(256, 4096));
    grow(disk, 271);
    CHECK(core.core.resize_export(first) == 264);
    CHECK(capacity(core) == 264);
}

TEST_CASE("an export whose device has shrunk keeps its size, and tells of it once", "[core][resize]") {
    CoreFixture core;
    Disk& disk = core.add_export(256);
    pass(core);
    core.take_advertisements();
    const std::uint64_t left = GENERATE(128U, 0U);
    disk.present_sectors = left == 0 ? aoetarget::BlockDevice::no_sectors : left;
    for (int times = 0; times < 2; ++times)
        CHECK(core.core.resize_export(first) == 256);
    pass(core);
    CHECK(capacity(core) == 256);
    CHECK(core.core.find_export(first)->device_sectors() == left);
    REQUIRE(core.events.size() == 1);
    CHECK(core.events[0].severity == aoetarget::Severity::warning);
    CHECK(core.events[0].repeats == 0);
    CHECK(core.take_advertisements().empty());
}

TEST_CASE("an export whose device does not know its capacity keeps its size in silence", "[core][resize]") {
    CoreFixture core;
    core.add_export(256);
    pass(core);
    core.take_advertisements();
    CHECK(core.core.resize_export(first) == 256);
    CHECK(core.core.resize_export({1, 2}) == 0);
    pass(core);
    CHECK(core.events.empty());
    CHECK(core.take_advertisements().empty());
}

TEST_CASE("while another device waits to take over, the export keeps its size; then that one is asked",
          "[core][resize]") {
    CoreFixture core;
    Disk& disk = core.add_export(256);
    disk.immediate = false;
    const std::uint32_t write = core.send(write_request(0, pattern(0, 1, 1)));
    core.turn();
    Disk& next = core.replace_device(geometry_of(256));
    grow(disk, 512);
    CHECK(core.core.resize_export(first) == 256);
    grow(next, 384);
    core.drain(disk);
    CHECK(core.reply(write).succeeded());
    CHECK(capacity(core) == 384);
    CHECK(core.ask(read_request(383, 1)).succeeded());
}
