// The scheduler: a copy of a request that is under way is not done again (lib/core/ordering.md R5,
// H2).
#include "core_fixture.hpp"
#include "support/catch.hpp"

using namespace aoetest;

TEST_CASE("a copy of a request under way is not done again, and the newest copy is answered",
          "[core][duplicate]") {
    struct Row {
        const char* name;
        Request request;
        bool same_tag;
    };
    const Row row = GENERATE(values<Row>({
        {"write", write_request(4, pattern(4, 2, 1)), true},
        {"write, other tag", write_request(4, pattern(4, 2, 1)), false},
        {"discard, other tag", trim_request({{4, 2}}), false},
        {"read", read_request(4, 2), true},
        {"verify", ata_request(0x42, 0, 2, 4), true},
        {"flush", flush_request(), true},
    }));
    const bool started = GENERATE(true, false);
    CAPTURE(row.name, started);
    aoetarget::Geometry geometry = geometry_of(64);
    geometry.discard = true;
    CoreFixture core;
    FakeLink& second = core.add_link();
    Disk& disk = core.add_export(geometry);
    disk.immediate = false;
    const Request original = core.complete(*core.link, row.request);
    const std::uint32_t first = core.send(original);
    if (started)
        core.turn();
    Request copy = original;
    if (!row.same_tag)
        copy.tag.reset();
    const std::uint32_t newest = core.send(second, copy);
    core.drain(disk);
    CHECK(disk.operations == 1);
    CHECK(core.stats().duplicates == 1);
    const auto answers = core.take(newest);
    REQUIRE(answers.size() == 1);
    CHECK(answers[0].link == &second);
    CHECK(answers[0].reply.succeeded());
    if (!row.same_tag)
        CHECK_FALSE(core.answered(first));
}

TEST_CASE("the answer to a copy echoes the registers of that copy", "[core][duplicate]") {
    CoreFixture core;
    Disk& disk = core.add_export();
    disk.immediate = false;
    Request request = core.complete(*core.link, read_request(4, 1, 0x20));
    core.send(request);
    core.turn();
    request.at(31) = 0x40; // other device bits in the address register: the same sectors
    core.send(request);
    core.drain(disk);
    CHECK(core.reply(*request.tag).lba_registers() == Bytes{4, 0, 0, 0x40, 0, 0});
}

TEST_CASE("a request that is not an exact copy is done for itself", "[core][duplicate]") {
    struct Row {
        const char* name;
        Request first, second;
    };
    const Row row = GENERATE(values<Row>({
        {"another source", read_request(4, 2), read_request(4, 2).from(other_client_mac)},
        {"another source's write", write_request(4, pattern(4, 2, 1)),
         write_request(4, pattern(4, 2, 1)).from(other_client_mac)},
        {"other data", write_request(4, pattern(4, 2, 1)), write_request(4, pattern(4, 2, 2))},
        {"fewer sectors", write_request(4, pattern(4, 2, 1)), write_request(4, pattern(4, 1, 1))},
        {"other sectors", read_request(4, 2), read_request(6, 2)},
        {"another command", write_request(4, pattern(4, 1, 1)), write_request(4, pattern(4, 1, 1), 0x3D)},
        {"a verify", read_request(4, 1), ata_request(0x42, 0, 1, 4)},
        {"a read of another program", read_request(4, 2), read_request(4, 2)},
        {"a flush of another program", flush_request(), flush_request()},
    }));
    CAPTURE(row.name);
    CoreFixture core;
    Disk& disk = core.add_export();
    disk.immediate = false;
    const std::uint32_t one = core.send(row.first);
    core.turn();
    const std::uint32_t two = core.send(row.second);
    core.drain(disk);
    CHECK(disk.operations == 2);
    CHECK(core.stats().duplicates == 0);
    CHECK(core.reply(one).succeeded());
    CHECK(core.reply(two).succeeded());
}

TEST_CASE("after its answer a request is done again", "[core][duplicate]") {
    CoreFixture core;
    Disk& disk = core.add_export();
    const Request request = core.complete(*core.link, write_request(4, pattern(4, 2, 1)));
    core.send(request);
    core.turn();
    core.send(request);
    core.turn();
    CHECK(core.replies(*request.tag).size() == 2);
    CHECK(disk.operations == 2);
}

TEST_CASE("write x, write y, write x leaves x, though the last equals the first", "[core][duplicate]") {
    CoreFixture core;
    Disk& disk = core.add_export();
    disk.immediate = false;
    const std::uint32_t one = core.send(write_request(4, pattern(4, 1, 1)));
    const std::uint32_t two = core.send(write_request(4, pattern(4, 1, 2)));
    const std::uint32_t three = core.send(write_request(4, pattern(4, 1, 1)));
    core.drain(disk);
    for (const std::uint32_t tag : {one, two, three})
        CHECK(core.reply(tag).succeeded());
    CHECK(disk.sectors(4) == pattern(4, 1, 1));
}

TEST_CASE("a late copy of an older write does not undo a newer one", "[core][duplicate]") {
    CoreFixture core;
    Disk& disk = core.add_export();
    disk.immediate = false;
    const Request old = core.complete(*core.link, write_request(4, pattern(4, 1, 1)));
    core.send(old);
    core.send(write_request(4, pattern(4, 1, 2)));
    core.send(old); // the same tag: no new request
    core.drain(disk);
    CHECK(disk.sectors(4) == pattern(4, 1, 2));
    CHECK(core.replies(*old.tag).size() == 1);
}

TEST_CASE("a copy is recognised within an operation that serves several requests", "[core][duplicate]") {
    CoreFixture core;
    Disk& disk = core.add_export();
    disk.immediate = false;
    core.send(write_request(0, pattern(0, 2, 1)));
    const std::uint32_t old = core.send(write_request(2, pattern(2, 2, 1)));
    core.send(write_request(4, pattern(4, 2, 1)));
    core.turn();
    const std::uint32_t newest = core.send(write_request(2, pattern(2, 2, 1)));
    core.drain(disk);
    CHECK(disk.operations == 1);
    CHECK_FALSE(core.answered(old));
    CHECK(core.reply(newest).succeeded());
}
