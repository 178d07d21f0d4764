// lib/protocol/README.md, "ATA commands": every row of the command table. Which of them a reservation blocks
// is in reserve_test.cpp, DATA SET MANAGEMENT in trim_test.cpp, IDENTIFY in identify_test.cpp.
#include "catch.hpp"
#include "scene.hpp"

#include <algorithm>
#include <set>

using namespace aoetest;

namespace {

bool is_abort(const Reply& reply) {
    return !reply.is_error() && reply.status() == status_error && reply.ata_error() == error_abort &&
           reply.bytes.size() == 60;
}

constexpr std::uint64_t smart_signature = 0xC24F00; // lba1 = 0x4F, lba2 = 0xC2

using Opcodes = std::vector<std::uint8_t>;

void check_all_abort(Scene& scene, const Opcodes& opcodes) {
    for (const std::uint8_t opcode : opcodes)
        for (const std::uint8_t count : {std::uint8_t{0}, std::uint8_t{1}}) {
            CAPTURE(static_cast<unsigned>(opcode), static_cast<unsigned>(count));
            CHECK(is_abort(scene.client.ask(ata_request(opcode, 0, count, 0))));
        }
}

void check_all_succeed(Scene& scene, const Opcodes& opcodes) {
    for (const std::uint8_t opcode : opcodes)
        for (const std::uint8_t count : {std::uint8_t{0}, std::uint8_t{1}, std::uint8_t{255}}) {
            CAPTURE(static_cast<unsigned>(opcode), static_cast<unsigned>(count));
            const Reply reply = scene.client.ask(ata_request(opcode, 0, count, 0));
            CHECK(reply.succeeded());
            CHECK(reply.ata_error() == 0);
        }
}

void check_reads(const Opcodes& opcodes) {
    Scene scene;
    for (const std::uint8_t opcode : opcodes)
        for (const std::uint8_t count : {std::uint8_t{1}, std::uint8_t{2}}) {
            CAPTURE(static_cast<unsigned>(opcode));
            const Reply reply = scene.client.ask(read_request(100, count, opcode));
            CHECK(reply.bytes.size() == 36u + 512u * count);
            CHECK(reply.data() == pattern(100, count));
        }
}

void check_writes(const Opcodes& opcodes) {
    Scene scene;
    std::uint32_t version = 1;
    for (const std::uint8_t opcode : opcodes)
        for (const std::size_t count : {std::size_t{1}, std::size_t{2}}) {
            CAPTURE(static_cast<unsigned>(opcode));
            const Bytes data = pattern(100, count, version++);
            const Reply reply = scene.client.ask(write_request(100, data, opcode));
            CHECK(reply.succeeded());
            CHECK(reply.bytes.size() == 60);
            CHECK(scene.client.read(100, static_cast<std::uint8_t>(count)) == data);
            CHECK(scene.image.read(100, count) == data);
        }
    CHECK(scene.client.read(102, 1) == pattern(102, 1));
    CHECK(scene.client.read(99, 1) == pattern(99, 1));
}

} // namespace

TEST_CASE("NOP (0x00) is aborted, which is its defined result", "[ata]") {
    Scene scene;
    check_all_abort(scene, {0x00});
}

TEST_CASE("READ SECTORS (0x20, 0x21) answers 36+512n bytes", "[ata]") {
    check_reads({0x20, 0x21});
}

TEST_CASE("READ SECTORS EXT (0x24) answers 36+512n bytes", "[ata]") {
    check_reads({0x24});
}

TEST_CASE("READ DMA (0xC8, 0xC9) and READ DMA EXT (0x25) answer as READ SECTORS does", "[ata]") {
    check_reads({0xC8, 0xC9, 0x25});
}

TEST_CASE("READ MULTIPLE (0xC4, 0x29) is aborted as long as word 59 says that no multiple count is set",
          "[ata]") {
    Scene scene;
    CHECK_FALSE(scene.client.identify().bit(59, 8));
    check_all_abort(scene, {0xC4, 0x29});
}

TEST_CASE("WRITE SECTORS (0x30, 0x31) answers 60 bytes", "[ata]") {
    check_writes({0x30, 0x31});
}

TEST_CASE("WRITE SECTORS EXT (0x34) answers 60 bytes", "[ata]") {
    check_writes({0x34});
}

TEST_CASE("WRITE DMA (0xCA, 0xCB) and WRITE DMA EXT (0x35) answer as WRITE SECTORS does", "[ata]") {
    check_writes({0xCA, 0xCB, 0x35});
}

TEST_CASE("WRITE DMA FUA EXT (0x3D) writes and answers 60 bytes", "[ata]") {
    check_writes({0x3D});
}

TEST_CASE("READ VERIFY (0x40, 0x41, 0x42) answers 60 bytes without data", "[ata][verify]") {
    Scene scene;
    for (const std::uint8_t opcode : Opcodes{0x40, 0x41, 0x42})
        for (const std::uint8_t count :
             {std::uint8_t{1}, std::uint8_t{2}, std::uint8_t{200}, std::uint8_t{255}}) {
            CAPTURE(static_cast<unsigned>(opcode), static_cast<unsigned>(count));
            const Reply reply = scene.client.ask(ata_request(opcode, 0, count, 17));
            CHECK(reply.succeeded());
            CHECK(reply.bytes.size() == 60);
        }
}

TEST_CASE("READ VERIFY (0x40, 0x41) covers 256 sectors with count 0, and READ VERIFY EXT (0x42) 65536",
          "[ata][verify]") {
    Scene scene("", 66000, ImageFile::Fill::sparse);
    for (const std::uint8_t opcode : Opcodes{0x40, 0x41}) {
        CAPTURE(static_cast<unsigned>(opcode));
        CHECK(scene.client.ask(ata_request(opcode, 0, 0, 66000 - 256)).succeeded());
        CHECK(scene.client.ask(ata_request(opcode, 0, 0, 66000 - 255)).ata_error() == error_id_not_found);
    }
    CHECK(scene.client.ask(ata_request(0x42, 0, 0, 66000 - 65536, aflag_extended)).succeeded());
    CHECK(scene.client.ask(ata_request(0x42, 0, 0, 66000 - 65535, aflag_extended)).ata_error() ==
          error_id_not_found);
}

TEST_CASE("READ VERIFY (0x40, 0x41, 0x42) reports UNC and the first bad sector",
          "[ata][verify][device-error]") {
    if (!has_real_root())
        SKIP_BECAUSE("a loop device needs real root");
    LoopScene scene(256);
    scene.image.resize_bytes(128 * sector_bytes);
    for (const std::uint8_t opcode : Opcodes{0x40, 0x41, 0x42}) {
        CAPTURE(static_cast<unsigned>(opcode));
        CHECK(scene.client.ask(ata_request(opcode, 0, 100, 0)).succeeded());
        const Reply reply = scene.client.ask(ata_request(opcode, 0, 100, 100));
        CHECK(reply.status() == status_error);
        CHECK(reply.ata_error() == error_uncorrectable);
        // The device reports in blocks of its own; the sector named lies in the range and is a bad one, or
        // the range starts with the bad block.
        const Bytes lba = reply.lba_registers();
        const int first_bad = lba[0] | (lba[1] << 8);
        CHECK(first_bad >= 100);
        CHECK(first_bad < 200);
    }
}

TEST_CASE(
    "READ NATIVE MAX ADDRESS (0x27, 0xF8) answers the last sector, or is aborted and word 82 has no HPA",
    "[ata]") {
    Scene scene;
    const bool claims_hpa = scene.client.identify().bit(82, 10);
    for (const std::uint8_t opcode : Opcodes{0x27, 0xF8}) {
        const Reply reply = scene.client.ask(ata_request(opcode));
        CAPTURE(static_cast<unsigned>(opcode));
        if (!reply.succeeded()) {
            CHECK(is_abort(reply));
            CHECK_FALSE(claims_hpa);
            continue;
        }
        Bytes lba = reply.lba_registers();
        if (opcode == 0xF8) {
            CHECK((lba[3] & 0xF0) == 0xE0); // the device bits are kept
            lba[3] &= 0x0F;
        }
        CHECK(lba == Bytes{0xFF, 0x07, 0, 0, 0, 0});
    }
}

TEST_CASE("READ LOG (0x2F, 0x47) is aborted, and word 84 does not claim it", "[ata]") {
    Scene scene;
    CHECK_FALSE(scene.client.identify().bit(84, 5));
    check_all_abort(scene, {0x2F, 0x47});
}

TEST_CASE("EXECUTE DEVICE DIAGNOSTIC (0x90) passes with code 1 or is aborted", "[ata]") {
    Scene scene;
    const Reply reply = scene.client.ask(ata_request(0x90));
    CHECK_FALSE(reply.is_error());
    CHECK(((reply.status() == status_good && reply.ata_error() == 0x01) || is_abort(reply)));
}

TEST_CASE("INITIALIZE DEVICE PARAMETERS (0x91) and SET MULTIPLE (0xC6) are aborted", "[ata]") {
    Scene scene;
    check_all_abort(scene, {0x91, 0xC6});
}

TEST_CASE("IDENTIFY PACKET DEVICE (0xA1) and PACKET (0xA0) are aborted", "[ata]") {
    Scene scene;
    check_all_abort(scene, {0xA1, 0xA0});
}

TEST_CASE(
    "SMART (0xB0) is aborted unless word 82 claims it, and then signature, status and checksums are right",
    "[ata]") {
    Scene scene;
    const auto smart = [&](std::uint8_t features, std::uint64_t lba = smart_signature) {
        return scene.client.ask(ata_request(ata::smart, features, 1, lba));
    };
    if (!scene.client.identify().bit(82, 0)) {
        for (const std::uint8_t features : Opcodes{0xD0, 0xD1, 0xD4, 0xD5, 0xD8, 0xD9, 0xDA})
            CHECK(is_abort(smart(features)));
        return;
    }
    for (const std::uint8_t features : Opcodes{0xD0, 0xD1, 0xD8, 0xD9, 0xDA})
        CHECK(is_abort(smart(features, 0xC24E00)));
    CHECK(smart(0xD8).succeeded());
    CHECK(smart(0xDA).succeeded());
    const Bytes healthy = smart(0xDA).lba_registers();
    CHECK(healthy[1] == 0x4F);
    CHECK(healthy[2] == 0xC2);
    for (const std::uint8_t features : Opcodes{0xD0, 0xD1}) {
        const Reply reply = smart(features);
        REQUIRE(reply.bytes.size() == 548);
        unsigned sum = 0;
        for (const std::uint8_t byte : reply.data())
            sum += byte;
        CHECK((sum & 0xFF) == 0);
    }
    for (const std::uint8_t features : Opcodes{0xD2, 0xD3, 0xD5, 0xD6, 0xDB, 0x00})
        CHECK(is_abort(smart(features)));
    CHECK(smart(0xD9).succeeded());
}

TEST_CASE("power commands (0xE0-0xE3, 0xE6, 0x94-0x97, 0x99) succeed whatever their timer", "[ata]") {
    Scene scene;
    check_all_succeed(scene, {0xE0, 0xE1, 0xE2, 0xE3, 0xE6, 0x94, 0x95, 0x96, 0x97, 0x99});
    CHECK(scene.client.read(0, 1) == pattern(0, 1)); // and the disk does not sleep
}

TEST_CASE("CHECK POWER MODE (0xE5, 0x98) answers 0xFF in 60 bytes whatever the count", "[ata]") {
    Scene scene;
    for (const std::uint8_t opcode : Opcodes{0xE5, 0x98})
        for (const std::uint8_t count :
             {std::uint8_t{0}, std::uint8_t{1}, std::uint8_t{2}, std::uint8_t{255}}) {
            const Reply reply = scene.client.ask(ata_request(opcode, 0, count));
            CHECK(reply.succeeded());
            CHECK(reply.count() == 0xFF);
            CHECK(reply.bytes.size() == 60);
        }
}

TEST_CASE("FLUSH CACHE (0xE7) and FLUSH CACHE EXT (0xEA) succeed in both durability modes",
          "[ata][durability]") {
    for (const char* durability :
         {"durability=stable", "durability=volatile", "durability=volatile,cache=page"}) {
        Scene scene(durability);
        scene.client.write(0, pattern(0, 2, 1));
        check_all_succeed(scene, {0xE7, 0xEA});
        CHECK(read_backing(scene.image.path(), 0, 2) == pattern(0, 2, 1));
    }
}

TEST_CASE(
    "FLUSH CACHE (0xE7, 0xEA) and power commands succeed on a read-only export, which has nothing to flush",
    "[ata][durability]") {
    Scene scene("read-only");
    check_all_succeed(scene, {0xE7, 0xEA, 0xE0, 0xE6});
}

TEST_CASE("IDENTIFY reports the write cache as SET FEATURES (0xEF) has left it", "[ata][durability]") {
    const auto ask = [](Scene& scene, std::uint8_t features) {
        return scene.client.ask(ata_request(ata::set_features, features, 0));
    };
    {
        Scene stable("durability=stable");
        CHECK(is_abort(ask(stable, 0x02)));
        CHECK(ask(stable, 0x82).succeeded());
        CHECK_FALSE(stable.client.identify().bit(85, 5));
    }
    Scene cached("durability=volatile");
    CHECK(cached.client.identify().bit(85, 5));
    CHECK(ask(cached, 0x02).succeeded());
    const Reply disable = ask(cached, 0x82);
    // Either refused, or from then on the export is write-through and says so.
    CHECK((is_abort(disable) || disable.succeeded()));
    CHECK(cached.client.identify().bit(85, 5) == is_abort(disable));
}

TEST_CASE("SET FEATURES (0xEF) accepts transfer mode, look-ahead and defaults, and aborts everything else",
          "[ata]") {
    Scene scene;
    const std::set<std::uint8_t> without_effect{0x03, 0xAA, 0x55, 0x66, 0xCC};
    for (unsigned features = 0; features < 256; ++features) {
        if (features == 0x02 || features == 0x82)
            continue;
        const auto value = static_cast<std::uint8_t>(features);
        const Reply reply = scene.client.ask(ata_request(ata::set_features, value, 0x0C));
        CAPTURE(features);
        if (without_effect.count(value) != 0)
            CHECK(reply.succeeded());
        else
            CHECK(is_abort(reply));
    }
}

TEST_CASE("0xF1-0xF6, 0xB1, 0xB4, 0x92, 0x93, 0x45, 0x60-0x65, 0xF9, 0x37 and 0x5x are aborted", "[ata]") {
    Scene scene;
    check_all_abort(scene, {0xF1, 0xF2, 0xF3, 0xF4, 0xF5, 0xF6, 0xB1, 0xB4, 0x92, 0x93, 0x45, 0x60, 0x61,
                            0x63, 0x64, 0x65, 0xF9, 0x37, 0x50, 0x54, 0x5A, 0x5B, 0x5C, 0x5D, 0x5E, 0x5F});
}

TEST_CASE("each opcode that the command table does not name is aborted at once", "[ata]") {
    Scene scene;
    const std::set<std::uint8_t> named{0x06, 0x20, 0x21, 0x24, 0x25, 0xC8, 0xC9, 0x30, 0x31, 0x34,
                                       0x35, 0x3D, 0xCA, 0xCB, 0x40, 0x41, 0x42, 0x27, 0xF8, 0x90,
                                       0xB0, 0xE0, 0xE1, 0xE2, 0xE3, 0xE6, 0x94, 0x95, 0x96, 0x97,
                                       0x99, 0xE5, 0x98, 0xE7, 0xEA, 0xEC, 0xEF};
    for (unsigned opcode = 0; opcode < 256; ++opcode)
        if (named.count(static_cast<std::uint8_t>(opcode)) == 0)
            for (const std::uint8_t aflags : {std::uint8_t{0}, aflag_extended, aflag_write}) {
                CAPTURE(opcode, static_cast<unsigned>(aflags));
                const Bytes data(aflags == aflag_write ? 512 : 0);
                const Request request = ata_request(static_cast<std::uint8_t>(opcode), 0, 1, 5, aflags, data);
                CHECK(is_abort(scene.client.ask(request)));
            }
}

TEST_CASE("every opcode is answered on a read-only export and changes nothing", "[ata]") {
    Scene scene("read-only");
    for (unsigned opcode = 0; opcode < 256; ++opcode) {
        CAPTURE(opcode);
        const bool is_write = ata::writes_data(static_cast<std::uint8_t>(opcode)) || opcode == 0x06;
        const Bytes data = is_write ? Bytes(512, 0xFF) : Bytes{};
        const Request request = ata_request(static_cast<std::uint8_t>(opcode), 1, 1, 0,
                                            is_write ? aflag_write : std::uint8_t{0}, data);
        const Reply reply = scene.client.ask(request);
        CHECK_FALSE(reply.is_error());
        if (is_write)
            CHECK(is_abort(reply));
    }
    CHECK(scene.client.read(0, 2) == pattern(0, 2));
}
