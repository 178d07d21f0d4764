// DATA SET MANAGEMENT (0x06; lib/protocol/README.md, "ATA commands"), and the words that announce it
// (lib/protocol/README.md, "IDENTIFY").
#include "catch.hpp"
#include "scene.hpp"

#include <algorithm>

using namespace aoetest;

namespace {

bool is_abort(const Reply& reply) {
    return !reply.is_error() && reply.status() == status_error && reply.ata_error() == error_abort;
}

bool is_all(const Bytes& data, std::uint8_t value) {
    return !data.empty() &&
           std::all_of(data.begin(), data.end(), [=](std::uint8_t byte) { return byte == value; });
}

} // namespace

TEST_CASE("IDENTIFY words 69, 105 and 169 agree about DATA SET MANAGEMENT (0x06)", "[ata][trim][identify]") {
    Scene scene;
    const Identify identify = scene.client.identify();
    const bool trims = identify.bit(169, 0);
    CHECK(trims); // a file on a local file system takes holes
    if (trims) {
        const unsigned scnt = scene.client.ask(config_request()).sectors_per_frame();
        CHECK(identify.words[105] >= 1);
        CHECK(identify.words[105] <= std::min(8u, std::max(scnt, 1u)));
    } else {
        CHECK(identify.words[105] == 0);
        CHECK(identify.words[69] == 0);
    }
    CHECK(identify.bit(69, 14) == identify.bit(69, 5)); // deterministic, and zero: both or none
}

TEST_CASE("DATA SET MANAGEMENT (0x06) makes trimmed sectors of a file read as zeros and spares others",
          "[ata][trim]") {
    for (const char* options : {"cache=direct", "cache=page", "durability=volatile"}) {
        CAPTURE(options);
        Scene scene(options);
        const Reply reply = scene.client.ask(trim_request({{16, 64}, {200, 8}, {1000, 0}}));
        CHECK(reply.succeeded());
        CHECK(reply.bytes.size() == 60);
        const Identify identify = scene.client.identify();
        REQUIRE(identify.bit(169, 0));
        if (identify.bit(69, 5))
            for (const std::uint64_t lba :
                 {std::uint64_t{16}, std::uint64_t{78}, std::uint64_t{200}, std::uint64_t{206}})
                CHECK(is_all(scene.client.read(lba, 2), 0));
        for (const std::uint64_t lba : {std::uint64_t{14}, std::uint64_t{80}, std::uint64_t{198},
                                        std::uint64_t{208}, std::uint64_t{1000}})
            CHECK(scene.client.read(lba, 2) == pattern(lba, 2));
        CHECK(scene.image.size_bytes() == 2048 * sector_bytes);
    }
}

TEST_CASE(
    "DATA SET MANAGEMENT (0x06) trims sectors of a disk that were just written, whatever cache holds them",
    "[ata][trim]") {
    if (!has_real_root())
        SKIP_BECAUSE("a loop device needs real root");
    for (const char* options : {"cache=page,durability=volatile", "cache=page", "durability=volatile"}) {
        CAPTURE(options);
        LoopScene scene(256, options);
        for (std::uint64_t lba = 0; lba < 128; lba += 8) {
            scene.client.write(lba, pattern(lba, 2, 7));
            CHECK(scene.client.ask(trim_request({{lba, 8}})).succeeded());
            CHECK(is_all(scene.client.read(lba, 2), 0));
        }
    }
}

TEST_CASE("DATA SET MANAGEMENT (0x06) leaves the neighbours alone where its ranges cut blocks",
          "[ata][trim]") {
    Scene scene;
    const bool zeroes = scene.client.identify().bit(69, 5);
    CHECK(scene.client.ask(trim_request({{3, 1}, {13, 6}, {21, 30}})).succeeded());
    const auto is_trimmed = [](std::uint64_t lba) {
        return lba == 3 || (lba >= 13 && lba < 19) || (lba >= 21 && lba < 51);
    };
    for (std::uint64_t lba = 0; lba < 64; ++lba) {
        CAPTURE(lba);
        const Bytes data = scene.client.read(lba, 1);
        if (!is_trimmed(lba))
            CHECK(data == pattern(lba, 1));
        else if (zeroes)
            CHECK(is_all(data, 0));
        else
            CHECK((is_all(data, 0) || data == pattern(lba, 1)));
    }
}

TEST_CASE("DATA SET MANAGEMENT (0x06) gives the blocks of a file back to the file system", "[ata][trim]") {
    Scene scene("", 8192);
    const auto allocated = [&] { return scene.image.allocated_bytes(); };
    const std::uint64_t before = allocated();
    CHECK(scene.client.ask(trim_request({{0, 8192}})).succeeded());
    CHECK(allocated() < before / 4);
}

TEST_CASE("DATA SET MANAGEMENT (0x06) with one range out of bounds gets IDNF and discards nothing",
          "[ata][trim]") {
    Scene scene;
    for (const TrimRange bad : {TrimRange{2048, 1}, TrimRange{2047, 2}, TrimRange{0xFFFFFFFFFFFF, 1},
                                TrimRange{0xFFFFFFFFFFFF, 0xFFFF}, TrimRange{1, 0xFFFF}}) {
        const Reply reply = scene.client.ask(trim_request({{0, 64}, bad, {100, 8}}));
        CAPTURE(bad.lba, bad.count);
        CHECK(reply.status() == status_error);
        CHECK(reply.ata_error() == error_id_not_found);
        CHECK(scene.client.read(0, 2) == pattern(0, 2));
        CHECK(scene.client.read(100, 2) == pattern(100, 2));
    }
    // An entry of length 0 is ignored, wherever it points.
    CHECK(scene.client.ask(trim_request({{0xFFFFFFFFFFFF, 0}})).succeeded());
}

TEST_CASE("DATA SET MANAGEMENT (0x06) is aborted without the TRIM bit, the W flag or the data",
          "[ata][trim]") {
    Scene scene;
    Request no_trim_bit = trim_request({{0, 64}});
    no_trim_bit.at(25) = 0;
    CHECK(is_abort(scene.client.ask(no_trim_bit)));
    no_trim_bit.at(25) = 0xFE;
    CHECK(is_abort(scene.client.ask(no_trim_bit)));
    Request no_write_flag = trim_request({{0, 64}});
    no_write_flag.at(24) = aflag_extended;
    CHECK(is_abort(scene.client.ask(no_write_flag)));
    Request short_data = trim_request({{0, 64}});
    short_data.argument.resize(short_data.argument.size() - 1);
    CHECK(is_abort(scene.client.ask(short_data)));
    Request more_blocks = trim_request({{0, 64}});
    more_blocks.at(26) = 2;
    CHECK(is_abort(scene.client.ask(more_blocks)));
    CHECK(scene.client.read(0, 2) == pattern(0, 2));
}

TEST_CASE("DATA SET MANAGEMENT (0x06) carries out a full block of 64 ranges", "[ata][trim]") {
    Scene scene;
    std::vector<TrimRange> ranges;
    for (std::uint64_t i = 0; i < 64; ++i)
        ranges.push_back({16 * i, 8});
    CHECK(scene.client.ask(trim_request(ranges)).succeeded());
    const bool zeroes = scene.client.identify().bit(69, 5);
    for (std::uint64_t i = 0; i < 64; ++i) {
        if (zeroes)
            CHECK(is_all(scene.client.read(16 * i, 2), 0));
        CHECK(scene.client.read(16 * i + 8, 2) == pattern(16 * i + 8, 2));
    }
}

TEST_CASE("DATA SET MANAGEMENT (0x06) is aborted on a read-only export, which does not announce it",
          "[ata][trim]") {
    Scene scene("read-only");
    CHECK(is_abort(scene.client.ask(trim_request({{0, 64}}))));
    CHECK(scene.client.read(0, 2) == pattern(0, 2));
    const Identify identify = scene.client.identify();
    CHECK_FALSE(identify.bit(169, 0));
    CHECK(identify.words[105] == 0);
    CHECK(identify.words[69] == 0);
}

TEST_CASE("DATA SET MANAGEMENT (0x06) stays inside the window of its export", "[ata][trim]") {
    const VethPair& wire = standard_wire();
    const ImageFile image(256);
    RawClient client(wire);
    {
        const TargetProcess target({wire.target_end()},
                                   {export_argument(1, 1, image.path(), "offset=64s,length=64s")});
        CHECK(client.ask(trim_request({{0, 64}})).succeeded());
        CHECK(client.ask(trim_request({{0, 65}})).ata_error() == error_id_not_found);
    }
    CHECK(image.read(0, 64) == pattern(0, 64));
    CHECK(image.read(128, 128) == pattern(128, 128));
}

TEST_CASE("the later of a trim and a write to the same range wins", "[ata][trim]") {
    Scene scene;
    const bool zeroes = scene.client.identify().bit(69, 5);
    for (std::uint32_t round = 1; round <= 20; ++round) {
        const std::uint32_t trim = scene.client.send(trim_request({{0, 32}}));
        const std::uint32_t write = scene.client.send(write_request(8, pattern(8, 2, round)));
        const std::uint32_t second_write = scene.client.send(write_request(16, pattern(16, 2, round)));
        const std::uint32_t second_trim = scene.client.send(trim_request({{16, 8}}));
        for (const std::uint32_t tag : {trim, write, second_write, second_trim})
            REQUIRE(scene.client.wait_for(tag));
        CHECK(scene.client.read(8, 2) == pattern(8, 2, round));
        if (zeroes)
            CHECK(is_all(scene.client.read(16, 2), 0));
    }
}
