// Reading ahead: sequential reads are answered from data that was fetched before, but never from data that
// has changed since.
#include "core/read_ahead.hpp"
#include "core_fixture.hpp"
#include "support/catch.hpp"

using namespace aoetest;
using namespace std::chrono_literals;
using aoetarget::SectorRange;
using aoetarget::core::ReadStreams;
using Op = Disk::Op;

namespace {

constexpr std::uint64_t piece = 32; // sectors, as the fixture has it; half of that makes a stream

struct AheadFixture : CoreFixture {
    explicit AheadFixture(std::uint64_t sectors = 256, std::uint32_t block_bytes = 512)
        : disk(add_export(streaming(sectors, block_bytes))) {}

    static aoetarget::Geometry streaming(std::uint64_t sectors, std::uint32_t block_bytes) {
        aoetarget::Geometry geometry = geometry_of(sectors, block_bytes);
        geometry.read_ahead = true;
        geometry.discard = true;
        return geometry;
    }

    Bytes read(std::uint64_t first, std::uint8_t count = 2) {
        const Reply answer = ask(read_request(first, count));
        CHECK(answer.succeeded());
        return answer.data();
    }
    /// Reads sectors [first, end) two at a time.
    void read_all(std::uint64_t first, std::uint64_t end) {
        for (; first < end; first += 2)
            CHECK(read(first) == disk.sectors(first, 2));
    }
    /// Reads sectors [0, 16), of which the last two and the piece behind them stay with the disk. Returns the
    /// tag of the last read.
    std::uint32_t begin_fetch() {
        read_all(0, 14);
        disk.immediate = false;
        const std::uint32_t tag = send(read_request(14, 2));
        turn();
        return tag;
    }
    std::size_t operations() { return std::exchange(disk.log, {}).size(); }
    void complete_all() {
        while (!disk.pending.empty()) {
            disk.complete();
            turn();
        }
    }

    Disk& disk;
};

/// Fetches whatever is named.
SectorRange note(ReadStreams& streams, const SectorRange& read) {
    const SectorRange wanted = streams.note(read);
    if (wanted.count > 0)
        streams.fetched();
    return wanted;
}

} // namespace

TEST_CASE("a stream is noticed once it is long enough, and fetched one or two pieces ahead",
          "[core][ahead]") {
    ReadStreams streams(piece);
    std::uint64_t at = 100;
    const auto read_on = [&] {
        at += 2;
        return note(streams, {at - 2, 2});
    };
    for (int i = 0; i < 7; ++i)
        CHECK(read_on().count == 0);
    CHECK(read_on() == SectorRange{116, piece});
    CHECK(read_on() == SectorRange{148, piece}); // less than a piece is left of the first
    for (int i = 0; i < 15; ++i)
        CHECK(read_on().count == 0);
    CHECK(read_on() == SectorRange{180, piece});
}

TEST_CASE("several streams at once, copies and a little disorder do not disturb", "[core][ahead]") {
    ReadStreams streams(piece);
    std::uint64_t fetched = 0;
    for (std::uint64_t i = 0; i < 20; ++i) {
        for (std::uint64_t stream = 0; stream < 4; ++stream) {
            const std::uint64_t at = 10'000 * stream + 4 * i;
            fetched += note(streams, {at + 2, 2}).count; // the later one first
            fetched += note(streams, {at, 2}).count;
            CHECK(note(streams, {at, 2}).count == 0);
        }
    }
    CHECK(fetched >= 4 * 2 * piece);
    CHECK(fetched <= 4 * 4 * piece);
}

TEST_CASE("reads here and there, and large ones in small requests, fetch nothing", "[core][ahead]") {
    ReadStreams streams(piece);
    for (std::uint64_t i = 0; i < 1000; ++i) {
        const std::uint64_t at = i * 7919 % 1000 * 100;
        for (std::uint64_t part = 0; part < 14; part += 2)
            REQUIRE(streams.note({at + part, 2}).count == 0);
    }
}

TEST_CASE("sequential reads are answered from fetched data", "[core][ahead]") {
    AheadFixture core;
    core.read_all(0, 256);
    // Eight reads of two sectors until the stream is noticed, then pieces.
    CHECK(core.operations() == 8 + (256 - 16 + piece - 1) / piece);
    CHECK(core.stats().reads == 128);
    CHECK(core.stats().read_ahead == 120);
}

TEST_CASE("where the device does not allow it nothing is read ahead", "[core][ahead]") {
    CoreFixture core;
    Disk& disk = core.add_export(256);
    for (std::uint64_t at = 0; at < 256; at += 2)
        CHECK(core.ask(read_request(at, 2)).data() == disk.sectors(at, 2));
    CHECK(disk.log.size() == 128);
}

TEST_CASE("whole blocks are fetched, and not more than there are", "[core][ahead]") {
    AheadFixture core(200, 4096);
    for (std::uint64_t at = 1; at + 2 <= 200; at += 2)
        CHECK(core.read(at) == core.disk.sectors(at, 2));
    CHECK(core.stats().read_ahead > 60);
    CHECK(core.disk.violations.empty());
}

TEST_CASE("a read of data that is being fetched waits for the fetch, and its copy is answered once",
          "[core][ahead]") {
    AheadFixture core;
    const auto last = core.begin_fetch();
    REQUIRE(core.disk.pending.size() == 2); // this one, and the piece from 16
    const Request request = read_request(20, 2).tagged(777);
    core.send(request);
    core.send(request);
    const auto other = core.send(read_request(40, 2));
    core.turn();
    CHECK(core.disk.pending.size() == 3); // the next piece as well
    CHECK_FALSE(core.answered(777));
    const auto fetch =
        std::ranges::find_if(core.disk.pending, [](const auto* io) { return io->range.first == 16; });
    core.disk.complete(static_cast<std::size_t>(fetch - core.disk.pending.begin()));
    core.turn();
    CHECK(core.reply(777).data() == core.disk.sectors(20, 2));
    CHECK(core.reply(other).data() == core.disk.sectors(40, 2));
    core.complete_all();
    CHECK(core.reply(last).succeeded());
}

TEST_CASE("data that has changed since it was fetched is read again", "[core][ahead]") {
    AheadFixture core;
    core.read_all(0, 16);
    core.operations();
    SECTION("by a write") {
        const Bytes data = pattern(20, 2, 9);
        CHECK(core.ask(write_request(20, data)).succeeded());
        CHECK(core.read(20) == data);
        CHECK(core.read(16) == core.disk.sectors(16, 2));
    }
    SECTION("by a write of a part") {
        const Bytes data = pattern(21, 1, 9);
        CHECK(core.ask(write_request(21, data)).succeeded());
        CHECK(core.read(20) == core.disk.sectors(20, 2));
    }
    SECTION("by a discard") {
        CHECK(core.ask(trim_request({{18, 8}})).succeeded());
        CHECK(core.read(20) == Bytes(2 * sector_bytes, 0));
    }
    SECTION("by a write that has failed half-way") {
        core.disk.error_of = [&](const auto& io) {
            if (io.op != Op::write)
                return 0;
            core.disk.fill(20, pattern(20, 1, 9));
            return EIO;
        };
        CHECK_FALSE(core.ask(write_request(20, pattern(20, 2, 9))).succeeded());
        CHECK(core.read(20) == core.disk.sectors(20, 2));
    }
    CHECK(core.operations() >= 2);
}

TEST_CASE("sectors that are read and then written in turn are read from the disk once", "[core][ahead]") {
    AheadFixture core;
    const std::uint64_t window = GENERATE(2U, 8U);
    CAPTURE(window);
    std::uint64_t fetched = 0;
    for (std::uint64_t at = 0; at < 256; at += window) {
        for (std::uint64_t i = 0; i < window; i += 2)
            CHECK(core.read(at + i) == core.disk.sectors(at + i, 2));
        for (std::uint64_t i = window; i > 0; i -= 2) // in any order
            CHECK(core.ask(write_request(at + i - 2, pattern(at + i - 2, 2, 9))).succeeded());
        CHECK(core.disk.sectors(at, window) == pattern(at, window, 9));
    }
    for (const auto& logged : std::exchange(core.disk.log, {}))
        fetched += logged.op == Op::read ? logged.range.count : 0;
    CHECK(fetched == 256);
    core.read_all(0, 256);
}

TEST_CASE("fetched data is kept before and after sectors that have changed, but not in between",
          "[core][ahead]") {
    AheadFixture core;
    core.read_all(0, 16); // and the piece from 16 to 48
    CHECK(core.ask(write_request(24, pattern(24, 2, 9))).succeeded());
    CHECK(core.ask(write_request(31, pattern(31, 1, 9))).succeeded());
    core.operations();
    const auto made_ahead = [&](std::uint64_t first) {
        const std::uint64_t before = core.stats().read_ahead;
        CHECK(core.read(first) == core.disk.sectors(first, 2));
        return core.stats().read_ahead > before;
    };
    CHECK(made_ahead(16));
    CHECK(made_ahead(22));
    for (const std::uint64_t first : {23U, 24U, 25U, 26U, 30U, 31U})
        CHECK_FALSE(made_ahead(first));
    CHECK(made_ahead(32));
    CHECK(made_ahead(46));
    CHECK(core.ask(write_request(20, pattern(20, 2, 9))).succeeded());
    CHECK_FALSE(made_ahead(22));
    CHECK(made_ahead(18));
}

TEST_CASE("a write elsewhere leaves fetched data alone", "[core][ahead]") {
    AheadFixture core;
    core.read_all(0, 16);
    CHECK(core.ask(write_request(100, pattern(100, 2, 9))).succeeded());
    core.operations();
    CHECK(core.read(16) == core.disk.sectors(16, 2));
    for (const auto& logged : std::exchange(core.disk.log, {}))
        CHECK(logged.range.first >= 16 + piece); // the next piece, if anything
}

TEST_CASE("with a write during a fetch, a read before it gets the old data and a read after it the new",
          "[core][ahead]") {
    AheadFixture core;
    core.begin_fetch();
    const Bytes old_data = core.disk.sectors(20, 2);
    const Bytes new_data = pattern(20, 2, 9);
    const auto before = core.send(read_request(20, 2));
    const auto write = core.send(write_request(20, new_data));
    const auto after = core.send(read_request(20, 2).from(other_client_mac));
    core.turn();
    core.complete_all();
    CHECK(core.reply(before).data() == old_data);
    CHECK(core.reply(write).succeeded());
    CHECK(core.reply(after).data() == new_data);
    core.disk.immediate = true;
    CHECK(core.read(20) == new_data);
}

TEST_CASE("a fault in sectors that were only fetched fails no request", "[core][ahead]") {
    AheadFixture core;
    core.disk.error_of = [](const auto& io) { return io.range.contains({47, 1}) ? EIO : 0; };
    core.read_all(0, 46);
    CHECK_FALSE(core.ask(read_request(46, 2)).succeeded());
    core.read_all(48, 100);
}

TEST_CASE("reads that waited for a failed fetch are done one by one", "[core][ahead]") {
    AheadFixture core;
    const auto first = core.begin_fetch();
    const auto good = core.send(read_request(16, 2));
    const auto bad = core.send(read_request(18, 2));
    core.turn();
    const std::size_t fetch = core.disk.pending[0]->range.count == piece ? 0 : 1;
    core.disk.fail(EIO, fetch);
    core.turn();
    core.disk.error_of = [](const auto& io) { return io.range.contains({18, 1}) ? EIO : 0; };
    core.complete_all();
    CHECK(core.reply(first).succeeded());
    CHECK(core.reply(good).data() == core.disk.sectors(16, 2));
    CHECK_FALSE(core.reply(bad).succeeded());
}

TEST_CASE("reads that waited for a failed fetch keep their place before a write", "[core][ahead]") {
    AheadFixture core;
    core.begin_fetch();
    const Bytes old_data = core.disk.sectors(20, 2);
    const auto counted = core.stats().read_ahead;
    const auto read = core.send(read_request(20, 2));
    const auto write = core.send(write_request(20, pattern(20, 2, 9)));
    core.turn();
    core.disk.fail(EIO, core.disk.pending[0]->range.count == piece ? 0 : 1);
    core.turn();
    core.complete_all();
    CHECK(core.reply(read).data() == old_data);
    CHECK(core.reply(write).succeeded());
    CHECK(core.stats().read_ahead == counted);
}

TEST_CASE("nothing is fetched that a write under way would hold up", "[core][ahead]") {
    AheadFixture core;
    core.disk.immediate = false;
    const auto write = core.send(write_request(40, pattern(40, 2, 9)));
    core.turn();
    REQUIRE(core.disk.pending.size() == 1);
    for (std::uint64_t at = 0; at < 32; at += 2) {
        const auto read = core.send(read_request(at, 2));
        core.turn();
        while (core.disk.pending.size() > 1) // the write is still the first
            core.disk.complete(1);
        core.turn();
        CHECK(core.reply(read).data() == core.disk.sectors(at, 2));
    }
    CHECK(core.stats().ordered == 0);
    core.complete_all();
    CHECK(core.reply(write).succeeded());
    core.disk.immediate = true;
    core.operations();
    core.read_all(32, 256);
    CHECK(core.operations() < 20); // from here on all of it is fetched
}

TEST_CASE("fetched data is not used after 100 ms", "[core][ahead]") {
    AheadFixture core;
    core.now = 1s;
    core.read_all(0, 16);
    REQUIRE(core.core.next_deadline());
    const auto fetched = core.now;
    core.now += 99ms;
    core.turn();
    core.operations();
    CHECK(core.read(16) == core.disk.sectors(16, 2));
    CHECK(core.operations() <= 1); // at most the next piece
    core.now = fetched + 300ms;
    core.turn();
    core.disk.fill(18, pattern(18, 2, 5)); // by somebody else
    CHECK(core.read(18) == pattern(18, 2, 5));
    while (core.core.next_deadline() && core.now < 10s) {
        core.now = std::max(core.now, *core.core.next_deadline());
        core.turn();
    }
    CHECK_FALSE(core.core.next_deadline());
}

TEST_CASE("exports do not see each other's pieces, nor those of one whose place they take", "[core][ahead]") {
    AheadFixture core;
    Disk& other = core.add_export(AheadFixture::streaming(256, 512), address_of(1, 2));
    other.fill(0, pattern(0, 256, 7));
    core.read_all(0, 16);
    for (std::uint64_t at = 0; at < 64; at += 2)
        CHECK(core.ask(read_request(at, 2).to(1, 2)).data() == pattern(at, 2, 7));
    CHECK(core.read(16) == core.disk.sectors(16, 2));
    core.core.remove_export(address_of(1, 2));
    core.turn();
    Disk& third = core.add_export(AheadFixture::streaming(256, 512), address_of(1, 3));
    third.fill(0, pattern(0, 256, 8));
    for (std::uint64_t at = 0; at < 256; at += 2)
        CHECK(core.ask(read_request(at, 2).to(1, 3)).data() == pattern(at, 2, 8));
}

TEST_CASE("more streams than pieces: some have none, and nothing is fetched in vain", "[core][ahead]") {
    AheadFixture core(512);
    for (std::uint64_t at = 0; at < 128; at += 2) {
        for (std::uint64_t stream = 0; stream < 4; ++stream)
            CHECK(core.read(128 * stream + at) == core.disk.sectors(128 * stream + at, 2));
    }
    CHECK(core.stats().read_ahead > 50);
    std::uint64_t fetched = 0;
    for (const auto& logged : std::exchange(core.disk.log, {}))
        fetched += logged.range.count;
    CHECK(fetched <= 512 + 3 * piece);
}

TEST_CASE("a device that does not answer leaves pieces to others", "[core][ahead]") {
    CoreFixture core({.ahead_pieces = 8, .slots = 256});
    Disk& hung = core.add_export_with({.address = {1, 1}}, AheadFixture::streaming(1024, 512));
    Disk& other = core.add_export_with({.address = {1, 2}}, AheadFixture::streaming(1024, 512));
    constexpr std::uint64_t streams = 4, apart = 200;
    for (std::uint64_t at = 0; at < 14; at += 2) {
        for (std::uint64_t stream = 0; stream < streams; ++stream)
            core.ask(read_request(stream * apart + at, 2));
    }
    hung.immediate = false;
    for (std::uint64_t at = 14; at < 22; at += 2) { // each is noticed, and two pieces are wanted for it
        for (std::uint64_t stream = 0; stream < streams; ++stream)
            core.send(read_request(stream * apart + at, 2));
    }
    core.turn();
    const auto fetches =
        std::ranges::count_if(hung.pending, [](const Disk::Io* io) { return io->range.count == piece; });
    CHECK(fetches == 4);

    for (std::uint64_t at = 0; at < 128; at += 2)
        CHECK(core.ask(read_request(at, 2).to(1, 2)).data() == other.sectors(at, 2));
    CHECK(core.stats(1).read_ahead > 0);
    core.drain(hung);
    core.forget();
}
