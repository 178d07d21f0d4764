// The scheduler: requests that overlap take effect in the order in which they came, copies are done once,
// neighbours together (lib/core/ordering.md R4, R5, R6, H2, H3).
#include "core_fixture.hpp"
#include "support/catch.hpp"

#include <array>
#include <numeric>

using namespace aoetest;
using Op = Disk::Op;

namespace {

Bytes joined(const Bytes& one, const Bytes& two) {
    Bytes all = one;
    all.insert(all.end(), two.begin(), two.end());
    return all;
}

/// Where only a write that asks for it is durable.
aoetarget::Geometry with_cache(std::uint64_t sectors) {
    aoetarget::Geometry geometry = geometry_of(sectors);
    geometry.volatile_cache = true;
    return geometry;
}

/// Two sectors each, and a turn for each.
void write_one_by_one(CoreFixture& core, std::initializer_list<std::uint64_t> firsts,
                      std::uint8_t command = ata::write_sectors_ext) {
    for (const std::uint64_t first : firsts) {
        core.send(write_request(first, pattern(first, 2, 1), command));
        core.turn();
    }
}

} // namespace

TEST_CASE("what overlaps a change waits for it, what does not runs beside it", "[core][order]") {
    struct Row {
        const char* name;
        Request first, second;
        bool waits;
    };
    const Row row = GENERATE(values<Row>({
        {"write after write", write_request(4, pattern(4, 2, 1)), write_request(5, pattern(5, 2, 2)), true},
        {"read after write", write_request(4, pattern(4, 2, 1)), read_request(5, 2), true},
        {"write after read", read_request(4, 2), write_request(3, pattern(3, 2, 2)), true},
        {"verify after write", write_request(4, pattern(4, 2, 1)), ata_request(0x42, 0, 8, 0), true},
        {"write after verify", ata_request(0x42, 0, 8, 0), write_request(7, pattern(7, 1, 2)), true},
        {"discard after write", write_request(4, pattern(4, 2, 1)), trim_request({{5, 1}}), true},
        {"write after discard", trim_request({{0, 2}, {8, 2}}), write_request(4, pattern(4, 1, 2)), true},
        {"read after read", read_request(4, 2), read_request(5, 2), false},
        {"read after verify", ata_request(0x42, 0, 8, 0), read_request(5, 2), false},
        {"write elsewhere", write_request(4, pattern(4, 2, 1)), write_request(10, pattern(10, 2, 2)), false},
        {"flush after write", write_request(4, pattern(4, 2, 1)), flush_request(), false},
        {"write after flush", flush_request(), write_request(4, pattern(4, 2, 1)), false},
    }));
    CAPTURE(row.name);
    aoetarget::Geometry geometry = geometry_of(64);
    geometry.discard = true;
    CoreFixture core;
    Disk& disk = core.add_export(geometry);
    disk.immediate = false;
    core.send(row.first);
    core.turn();
    core.send(row.second);
    core.turn();
    CHECK(disk.log.size() == (row.waits ? 1 : 2));
    CHECK(core.stats().ordered == (row.waits ? 1 : 0));
    core.drain(disk);
}

TEST_CASE("writes to the same sectors take effect in the order in which they came", "[core][order]") {
    CoreFixture core;
    Disk& disk = core.add_export();
    disk.immediate = false;
    std::vector<std::uint32_t> tags;
    for (std::uint32_t version = 1; version <= 5; ++version)
        tags.push_back(core.send(write_request(4, pattern(4, 2, version))));
    const std::uint32_t read = core.send(read_request(4, 2));
    tags.push_back(core.send(write_request(5, pattern(5, 2, 9))));
    core.drain(disk);
    for (const std::uint32_t tag : tags)
        CHECK(core.reply(tag).succeeded());
    CHECK(core.reply(read).data() == pattern(4, 2, 5));
    CHECK(disk.sectors(4) == pattern(4, 1, 5));
    CHECK(disk.sectors(5, 2) == pattern(5, 2, 9));
}

namespace {

struct Step {
    bool write;
    std::uint64_t first, count;
};
constexpr std::array<Step, 6> steps{
    {{true, 0, 2}, {true, 1, 2}, {true, 0, 1}, {true, 2, 1}, {false, 0, 2}, {false, 1, 2}}};
constexpr unsigned kinds = steps.size();

/// Runs a program of four steps with one order of completions; `choices` says which of those under way is
/// completed next, and on return how many there were to choose from.
std::string run_program(CoreFixture& core, Disk& disk, unsigned program, bool one_batch,
                        std::vector<std::size_t>& choices, std::vector<std::size_t>& widths) {
    constexpr std::uint64_t sectors = 4;
    disk.fill(0, pattern(0, sectors));
    Bytes model = pattern(0, sectors);
    const auto part = [&](const Step& step) {
        const auto begin = model.begin() + static_cast<std::ptrdiff_t>(step.first * sector_bytes);
        return Bytes(begin, begin + static_cast<std::ptrdiff_t>(step.count * sector_bytes));
    };
    std::vector<std::pair<std::uint32_t, Bytes>> reads;
    std::vector<std::uint32_t> writes;
    for (std::uint32_t i = 0; i < 4; ++i, program /= kinds) {
        const Step& step = steps[program % kinds];
        if (step.write) {
            const Bytes data = pattern(step.first, step.count, i + 1);
            std::copy(data.begin(), data.end(),
                      model.begin() + static_cast<std::ptrdiff_t>(step.first * sector_bytes));
            writes.push_back(core.send(write_request(step.first, data)));
        } else {
            // From different hosts, or the later would be a copy of the earlier.
            reads.emplace_back(core.send(read_request(step.first, static_cast<std::uint8_t>(step.count))
                                             .from(numbered_mac(i + 1))),
                               part(step));
        }
        if (!one_batch)
            core.turn();
    }
    core.turn();
    for (std::size_t done = 0; !disk.pending.empty(); ++done) {
        if (done == choices.size())
            choices.push_back(0);
        widths.push_back(disk.pending.size());
        disk.complete(choices[done]);
        core.turn();
    }
    for (const std::uint32_t tag : writes) {
        if (!core.reply(tag).succeeded())
            return "a write failed";
    }
    for (const auto& [tag, expected] : reads) {
        if (core.reply(tag).data() != expected)
            return "a read returned something else";
    }
    if (disk.sectors(0, sectors) != model)
        return "the disk holds something else";
    return disk.violations;
}

} // namespace

TEST_CASE("every short program has the effect of its order, however the device completes", "[core][order]") {
    const bool one_batch = GENERATE(true, false);
    CoreFixture core;
    Disk& disk = core.add_export(4);
    disk.immediate = false;
    disk.logging = false;
    core.turn();
    unsigned runs = 0;
    for (unsigned program = 0; program < kinds * kinds * kinds * kinds; ++program) {
        for (std::vector<std::size_t> choices;;) {
            std::vector<std::size_t> widths;
            const std::string wrong = run_program(core, disk, program, one_batch, choices, widths);
            ++runs;
            core.forget();
            if (!wrong.empty()) {
                CAPTURE(program, one_batch, choices);
                FAIL(wrong);
            }
            choices.resize(widths.size());
            while (!choices.empty() && choices.back() + 1 == widths[choices.size() - 1])
                choices.pop_back();
            if (choices.empty())
                break;
            ++choices.back();
        }
    }
    CAPTURE(runs);
    CHECK(runs >= kinds * kinds * kinds * kinds);
}

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

TEST_CASE("what is not an exact copy is done for itself", "[core][duplicate]") {
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

TEST_CASE("neighbours of one batch become one operation of the device", "[core][merge]") {
    const bool write = GENERATE(true, false);
    // In any order that lets each meet a neighbour.
    const auto order =
        GENERATE(values<std::vector<unsigned>>({{0, 1, 2, 3}, {3, 2, 1, 0}, {1, 2, 0, 3}, {2, 1, 3, 0}}));
    CoreFixture core;
    Disk& disk = core.add_export();
    std::vector<std::uint32_t> tags;
    for (const unsigned i : order) {
        const std::uint64_t lba = 10 + 2 * i;
        tags.push_back(core.send(write ? write_request(lba, pattern(lba, 2, 5)) : read_request(lba, 2)));
    }
    core.turn();
    REQUIRE(disk.log.size() == 1);
    CHECK(disk.log[0].op == (write ? Op::write : Op::read));
    CHECK(disk.log[0].range == aoetarget::SectorRange{10, 8});
    CHECK(disk.log[0].buffers == 4);
    for (std::size_t i = 0; i < tags.size(); ++i) {
        const Reply reply = core.reply(tags[i]);
        CHECK(reply.succeeded());
        if (!write)
            CHECK(reply.data() == pattern(10 + 2 * order[i], 2));
    }
    if (write)
        CHECK(disk.sectors(10, 8) == pattern(10, 8, 5));
    CHECK(core.stats().device_operations == 1);
}

TEST_CASE("neighbours that do not belong together are done apart", "[core][merge]") {
    struct Row {
        const char* name;
        Request first, second;
    };
    const Row row = GENERATE(values<Row>({
        {"read and write", read_request(4, 2), write_request(6, pattern(6, 2))},
        {"a gap", write_request(4, pattern(4, 2)), write_request(7, pattern(7, 1))},
        {"durable or not", write_request(4, pattern(4, 2)), write_request(6, pattern(6, 1), 0x3D)},
        {"verify", read_request(4, 2), ata_request(0x42, 0, 2, 6)},
    }));
    CAPTURE(row.name);
    CoreFixture core;
    Disk& disk = core.add_export(with_cache(64));
    core.send(row.first);
    core.send(row.second);
    core.turn();
    CHECK(disk.log.size() == 2);
}

TEST_CASE("a request does not join what is already with the device", "[core][merge]") {
    CoreFixture core;
    Disk& disk = core.add_export();
    disk.immediate = false;
    core.send(read_request(4, 2));
    core.turn();
    core.send(read_request(6, 2));
    core.turn();
    CHECK(disk.pending.size() == 2);
    core.drain(disk);
}

TEST_CASE("of a run of writes the device has two parts, and the rest waits together", "[core][merge]") {
    CoreFixture core;
    Disk& disk = core.add_export(with_cache(64));
    disk.immediate = false;
    std::vector<std::uint32_t> tags;
    const auto write = [&](std::uint64_t first) {
        tags.push_back(core.send(write_request(first, pattern(first, 2, 1))));
        core.turn();
    };
    write(4);
    write(6); // two at once: a window of two is not held up
    CHECK(disk.pending.size() == 2);
    write(8);
    write(10);
    write(12);
    CHECK(disk.pending.size() == 2);
    write(30); // elsewhere
    write(2);  // before it
    CHECK(disk.pending.size() == 4);
    CHECK(core.stats().ordered == 0);
    disk.complete(1); // the second part: the first is still under way
    core.turn();
    CHECK(disk.pending.size() == 3);
    disk.complete();
    core.turn();
    REQUIRE(disk.pending.size() == 3);
    CHECK(disk.pending.back()->range == aoetarget::SectorRange{8, 6});
    core.drain(disk);
    for (const std::uint32_t tag : tags)
        CHECK(core.reply(tag).succeeded());
    CHECK(disk.sectors(2, 12) == pattern(2, 12, 1));
}

TEST_CASE("the second part of a run is begun when it is as large as the first, or the first is over",
          "[core][merge]") {
    CoreFixture core({.mtu = 9000});
    Disk& disk = core.add_export(with_cache(64));
    disk.immediate = false;
    const auto write = [&](std::uint64_t first, std::uint64_t count) {
        core.send(write_request(first, pattern(first, count, 1)));
        core.turn();
    };
    write(0, 6);
    write(6, 2);
    write(8, 2);
    CHECK(disk.pending.size() == 1);
    write(10, 2);
    REQUIRE(disk.pending.size() == 2);
    CHECK(disk.pending.back()->range == aoetarget::SectorRange{6, 6});
    disk.complete();
    core.turn();
    write(12, 2);
    CHECK(disk.pending.size() == 1);
    disk.complete();
    core.turn();
    REQUIRE(disk.pending.size() == 1);
    CHECK(disk.pending.back()->range == aoetarget::SectorRange{12, 2});
    write(14, 2);
    CHECK(disk.pending.size() == 2);
    core.drain(disk);
    CHECK(disk.sectors(0, 16) == pattern(0, 16, 1));
}

TEST_CASE("a write that has grown enough leaves the line, and those behind it stay", "[core][merge]") {
    CoreFixture core({.mtu = 9000});
    Disk& disk = core.add_export(with_cache(64));
    disk.immediate = false;
    core.send(write_request(0, pattern(0, 4, 1)));
    core.turn();
    const auto grows = core.send(write_request(4, pattern(4, 2, 1)));
    const auto read = core.send(read_request(3, 1)); // waits for the first, too
    const auto write = core.send(write_request(2, pattern(2, 1, 2)));
    core.turn();
    CHECK(disk.pending.size() == 1);
    const auto joins = core.send(write_request(6, pattern(6, 2, 1)));
    core.turn();
    CHECK(disk.pending.size() == 2);
    disk.complete(1);
    core.turn();
    CHECK(core.answered(grows));
    CHECK(core.answered(joins));
    CHECK_FALSE(core.answered(read));
    core.drain(disk);
    CHECK(core.reply(read).data() == pattern(3, 1, 1));
    CHECK(core.reply(write).succeeded());
    CHECK(disk.sectors(2, 6) == joined(pattern(2, 1, 2), pattern(3, 5, 1)));
}

TEST_CASE("a second part that can hardly grow any more is begun", "[core][merge]") {
    CoreFixture core({.buffer_count = 250, .mtu = 9300, .slots = 600});
    Disk& disk = core.add_export(with_cache(4096));
    disk.immediate = false;
    std::uint64_t end = 0;
    const auto write = [&](std::uint64_t count) {
        core.send(write_request(end, pattern(end, count, 1)));
        end += count;
    };
    SECTION("for lack of sectors") {
        for (int i = 0; i < 16; ++i)
            write(16);
        core.turn();
        for (int i = 0; i < 16; ++i) {
            write(17); // 255 together, and the next is too much
            core.turn();
        }
        REQUIRE(disk.pending.size() == 2);
        CHECK(disk.pending.back()->range.first == 256);
    }
    SECTION("for lack of requests") {
        for (int i = 0; i < 15; ++i)
            write(17);
        core.turn();
        for (int i = 0; i < 70; ++i) {
            write(1); // of which one operation takes 64
            core.turn();
        }
        REQUIRE(disk.pending.size() == 2);
        CHECK(disk.pending.back()->range.first == 255);
    }
    core.drain(disk);
}

TEST_CASE("a write that has grown enough still waits for what it overlaps by then", "[core][merge]") {
    CoreFixture core({.mtu = 9000});
    Disk& disk = core.add_export(with_cache(64));
    disk.immediate = false;
    const auto write = [&](std::uint64_t first, std::uint64_t count, std::uint32_t version) {
        const auto tag = core.send(write_request(first, pattern(first, count, version)));
        core.turn();
        return tag;
    };
    write(6, 1, 1);
    write(0, 4, 1);
    const auto held = write(4, 2, 2); // goes on behind 0 to 3
    const auto joins = write(6, 2, 2);
    CHECK(disk.pending.size() == 2);
    disk.complete(1); // 0 to 3
    core.turn();
    CHECK(disk.pending.size() == 1);
    disk.complete(); // 6
    core.turn();
    REQUIRE(disk.pending.size() == 1);
    CHECK(disk.pending.back()->range == aoetarget::SectorRange{4, 4});
    core.drain(disk);
    CHECK(core.reply(held).succeeded());
    CHECK(core.reply(joins).succeeded());
    CHECK(disk.sectors(4, 4) == pattern(4, 4, 2));
}

TEST_CASE("a write that was held to grow keeps the order of what it overlaps once it has grown",
          "[core][merge]") {
    CoreFixture core;
    Disk& disk = core.add_export(with_cache(64));
    disk.immediate = false;
    write_one_by_one(core, {10, 4, 6});
    const auto held = core.send(write_request(8, pattern(8, 2, 2))); // goes on behind 4 and 6
    const auto joins = core.send(write_request(10, pattern(10, 2, 3)));
    core.turn();
    REQUIRE(disk.pending.size() == 3);
    disk.complete(1); // 4: the one that was joined waits for 10 still
    core.turn();
    CHECK(disk.pending.size() == 2);
    CHECK_FALSE(core.answered(held));
    core.drain(disk);
    CHECK(core.reply(held).succeeded());
    CHECK(core.reply(joins).succeeded());
    CHECK(disk.sectors(10, 2) == pattern(10, 2, 3));
}

TEST_CASE("nothing is held behind a write that is being made stable", "[core][merge]") {
    CoreFixture core;
    Disk& disk = core.add_export(with_cache(64));
    disk.immediate = false;
    write_one_by_one(core, {4, 6}, ata::write_dma_fua_ext);
    write_one_by_one(core, {8});
    CHECK(disk.pending.size() == 3);
    core.drain(disk);
}

TEST_CASE("a durable write is not held to grow", "[core][merge]") {
    CoreFixture core;
    Disk& disk = core.add_export(with_cache(64));
    disk.immediate = false;
    write_one_by_one(core, {4, 6});
    write_one_by_one(core, {8}, ata::write_dma_fua_ext);
    CHECK(disk.pending.size() == 3);
    core.drain(disk);
}

TEST_CASE("merging stops at 64 requests and at 256 sectors", "[core][merge]") {
    CoreFixture core({.buffer_count = 150, .mtu = 9000, .slots = 300});
    Disk& disk = core.add_export(4096);
    core.ask(read_request(0, 1));
    disk.log.clear();
    for (unsigned i = 0; i < 130; ++i)
        core.send(read_request(i, 1));
    core.turn();
    CHECK(disk.log.size() == 3);
    for (const Disk::Logged& each : disk.log)
        CHECK(each.buffers <= 64);
    disk.log.clear();
    for (unsigned i = 0; i < 40; ++i)
        core.send(read_request(1000 + 16 * i, 16));
    core.turn();
    CHECK(disk.log.size() == 3);
    for (const Disk::Logged& each : disk.log)
        CHECK(each.range.count <= 256);
}

TEST_CASE("the largest single request is one operation", "[core][merge]") {
    CoreFixture core({.mtu = 255 * 512 + 36});
    Disk& disk = core.add_export(512);
    CHECK(core.ask(read_request(1, 255)).data() == pattern(1, 255));
    CHECK(disk.log.size() == 1);
}

TEST_CASE("neighbours that wait for the same change go on together", "[core][merge]") {
    CoreFixture core;
    Disk& disk = core.add_export();
    disk.immediate = false;
    core.send(write_request(8, pattern(8, 2, 1)));
    core.turn();
    core.send(write_request(8, pattern(8, 2, 2)));
    core.turn();
    core.send(write_request(10, pattern(10, 2, 2))); // nothing is in its way but it may ride along
    core.turn();
    core.drain(disk);
    CHECK(disk.sectors(8, 4) == pattern(8, 4, 2));
    CHECK(core.stats().device_operations <= 3);
}

TEST_CASE("a request does not join a neighbour past something newer in its way", "[core][merge]") {
    CoreFixture core;
    Disk& disk = core.add_export();
    disk.immediate = false;
    core.send(write_request(0, pattern(0, 1, 1)));
    core.turn();                                   // running on 0
    core.send(write_request(0, pattern(0, 2, 2))); // waits, covers 0-1
    core.turn();
    const std::uint32_t read = core.send(read_request(2, 1)); // runs
    core.turn();
    const std::uint32_t write =
        core.send(write_request(2, pattern(2, 1, 3))); // neighbour of the waiting write, but after the read
    core.turn();
    core.drain(disk);
    CHECK(core.reply(read).data() == pattern(2, 1));
    CHECK(core.reply(write).succeeded());
    CHECK(disk.sectors(0, 3) == joined(pattern(0, 2, 2), pattern(2, 1, 3)));
}

TEST_CASE("of a merged operation that fails each request gets its own answer", "[core][merge]") {
    const bool write = GENERATE(true, false);
    const unsigned bad = GENERATE(0u, 1u, 2u, 3u);
    CoreFixture core;
    Disk& disk = core.add_export();
    disk.error_of = [&](const Disk::Io& io) { return io.range.overlaps({10 + 2 * bad, 1}) ? EIO : 0; };
    std::vector<std::uint32_t> tags;
    for (unsigned i = 0; i < 4; ++i)
        tags.push_back(core.send(write ? write_request(10 + 2 * i, pattern(10 + 2 * i, 2, 5))
                                       : read_request(10 + 2 * i, 2)));
    core.turn();
    CHECK(disk.log.size() == 5); // together, then each alone
    for (unsigned i = 0; i < 4; ++i) {
        const Reply reply = core.reply(tags[i]);
        if (i == bad) {
            CHECK(reply.status() == (write ? status_fault : status_error));
            CHECK(reply.count() == 2);
        } else {
            CHECK(reply.succeeded());
            if (!write)
                CHECK(reply.data() == pattern(10 + 2 * i, 2));
        }
        CHECK(disk.sectors(10 + 2 * i, 2) == pattern(10 + 2 * i, 2, write && i != bad ? 5 : 0));
    }
    CHECK(core.stats().ata_errors == 1);
}

TEST_CASE("of a merged operation that found no resources each request is tried alone", "[core][merge]") {
    CoreFixture core;
    Disk& disk = core.add_export();
    disk.error_of = [&](const Disk::Io& io) {
        return io.buffers.size() > 1 || io.range.first == 12 ? EAGAIN : 0;
    };
    std::vector<std::uint32_t> tags;
    for (unsigned i = 0; i < 3; ++i)
        tags.push_back(core.send(read_request(10 + 2 * i, 2)));
    core.turn();
    CHECK(core.reply(tags[0]).succeeded());
    CHECK_FALSE(core.answered(tags[1]));
    CHECK(core.reply(tags[2]).succeeded());
    CHECK(core.stats().dropped == 1);
}

TEST_CASE("a request that waits behind a failing operation goes on", "[core][order]") {
    CoreFixture core;
    Disk& disk = core.add_export();
    disk.immediate = false;
    core.send(write_request(4, pattern(4, 2, 1)));
    core.send(write_request(6, pattern(6, 2, 1)));
    core.turn();
    const std::uint32_t read = core.send(read_request(5, 2));
    core.turn();
    disk.fail(EIO);
    core.turn();
    CHECK_FALSE(core.answered(read));
    core.drain(disk);
    CHECK(core.reply(read).data() == joined(pattern(5, 1, 1), pattern(6, 1, 1)));
}

TEST_CASE("a device may complete from within submit(), later, or from anywhere", "[core][order]") {
    const int way = GENERATE(0, 1, 2);
    CoreFixture core;
    Disk& disk = core.add_export();
    disk.immediate = way == 0;
    std::vector<std::uint32_t> tags;
    for (std::uint32_t i = 0; i < 10; ++i)
        tags.push_back(core.send(write_request(2 * i, pattern(2 * i, 3, i))));
    core.turn();
    while (!disk.pending.empty()) {
        const std::size_t last = disk.pending.size() - 1;
        if (way == 1)
            disk.complete(last);
        else
            disk.complete_from_any_thread(last);
        core.turn();
    }
    for (const std::uint32_t tag : tags)
        CHECK(core.reply(tag).succeeded());
    for (std::uint32_t i = 0; i < 10; ++i)
        CHECK(disk.sectors(2 * i, 2) == pattern(2 * i, 2, i));
}

TEST_CASE("exports do not wait for each other", "[core][order]") {
    CoreFixture core;
    Disk& one = core.add_export(geometry_of(64), {1, 1});
    Disk& two = core.add_export(geometry_of(64), {1, 2});
    one.immediate = two.immediate = false;
    core.send(write_request(0, pattern(0, 1, 1)));
    core.send(write_request(0, pattern(0, 1, 1)).to(1, 2));
    core.turn();
    CHECK(one.pending.size() == 1);
    CHECK(two.pending.size() == 1);
    core.drain(one);
    core.drain(two);
}
