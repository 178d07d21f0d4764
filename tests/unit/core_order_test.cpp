// The scheduler: requests that overlap take effect in the order in which they came (lib/core/ordering.md R4,
// R6).
#include "core_fixture.hpp"
#include "support/catch.hpp"

#include <array>

using namespace aoetest;

TEST_CASE("a request that overlaps a change waits for it, and one that does not runs beside it",
          "[core][order]") {
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
        {"write after discard", trim_request({{0, 2}, {8, 2}}), write_request(8, pattern(8, 1, 2)), true},
        {"read between discards", trim_request({{0, 2}, {62, 2}}), read_request(30, 2), false},
        {"write between discards", trim_request({{62, 2}, {0, 2}}), write_request(2, pattern(2, 60, 1)),
         false},
        {"write over all discards", trim_request({{0, 1}, {63, 1}}), write_request(0, pattern(0, 64, 1)),
         true},
        {"read of a long discard's middle", trim_request({{0, 60}, {63, 1}}), read_request(31, 1), true},
        {"discard after discard", trim_request({{0, 2}, {8, 2}}), trim_request({{9, 1}, {20, 1}}), true},
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

TEST_CASE("a request that waits behind a failing operation continues", "[core][order]") {
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
    CHECK(core.reply(read).data() == pattern(5, 2, 1));
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
