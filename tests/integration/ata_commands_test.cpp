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

TEST_CASE("ata 0x00 NOP is aborted, which is its defined result", "[ata-3]") {
    Scene scene;
    check_all_abort(scene, {0x00});
}

TEST_CASE("ata 0x20, 0x21 READ SECTORS answer 36+512n bytes", "[ata-3]") {
    check_reads({0x20, 0x21});
}

TEST_CASE("ata 0x24 READ SECTORS EXT answers 36+512n bytes", "[ata-3]") {
    check_reads({0x24});
}

TEST_CASE("ata 0xC8, 0xC9, 0x25 READ DMA and READ DMA EXT are as READ SECTORS", "[ata-3]") {
    check_reads({0xC8, 0xC9, 0x25});
}

TEST_CASE("ata 0xC4, 0x29 READ MULTIPLE are aborted as long as word 59 says that it is not set", "[ata-3]") {
    Scene scene;
    CHECK_FALSE(scene.client.identify().bit(59, 8));
    check_all_abort(scene, {0xC4, 0x29});
}

TEST_CASE("ata 0x30, 0x31 WRITE SECTORS answer 60 bytes", "[ata-3]") {
    check_writes({0x30, 0x31});
}

TEST_CASE("ata 0x34 WRITE SECTORS EXT answers 60 bytes", "[ata-3]") {
    check_writes({0x34});
}

TEST_CASE("ata 0xCA, 0xCB, 0x35 WRITE DMA are as WRITE SECTORS", "[ata-3]") {
    check_writes({0xCA, 0xCB, 0x35});
}

TEST_CASE("ata 0x3D WRITE DMA FUA EXT writes and answers 60 bytes", "[ata-3]") {
    check_writes({0x3D});
}

TEST_CASE("ata 0x40, 0x41, 0x42 READ VERIFY answer 60 bytes without data", "[ata-3]") {
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

TEST_CASE("ata 0x40, 0x41, 0x42 READ VERIFY: count 0 means 256 and, for EXT, 65536 sectors", "[ata-3]") {
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

TEST_CASE("ata 0x40, 0x41, 0x42 READ VERIFY reports UNC and the first bad sector", "[ata-3]") {
    const VethPair& wire = standard_wire();
    RawClient client(wire);
    if (!has_real_root())
        SKIP_BECAUSE("a loop device needs real root");
    const ImageFile image(256);
    const LoopDevice loop(image.path());
    const TargetProcess target({wire.target_end()}, {export_argument(1, 1, loop.path())});
    image.resize_bytes(128 * sector_bytes);
    for (const std::uint8_t opcode : Opcodes{0x40, 0x41, 0x42}) {
        CAPTURE(static_cast<unsigned>(opcode));
        CHECK(client.ask(ata_request(opcode, 0, 100, 0)).succeeded());
        const Reply reply = client.ask(ata_request(opcode, 0, 100, 100));
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

TEST_CASE("ata 0x27, 0xF8 READ NATIVE MAX ADDRESS: size-1, or aborted; HPA stays clear when aborted",
          "[ata-3]") {
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

TEST_CASE("ata 0x2F, 0x47 READ LOG are aborted and word 84 does not claim them", "[ata-3]") {
    Scene scene;
    CHECK_FALSE(scene.client.identify().bit(84, 5));
    check_all_abort(scene, {0x2F, 0x47});
}

TEST_CASE("ata 0x90 EXECUTE DEVICE DIAGNOSTIC passes with code 1 or is aborted", "[ata-3]") {
    Scene scene;
    const Reply reply = scene.client.ask(ata_request(0x90));
    CHECK_FALSE(reply.is_error());
    CHECK(((reply.status() == status_good && reply.ata_error() == 0x01) || is_abort(reply)));
}

TEST_CASE("ata 0x91, 0xC6 INITIALIZE DEVICE PARAMETERS and SET MULTIPLE are aborted", "[ata-3]") {
    Scene scene;
    check_all_abort(scene, {0x91, 0xC6});
}

TEST_CASE("ata 0xA1 IDENTIFY PACKET DEVICE is aborted", "[ata-3]") {
    Scene scene;
    check_all_abort(scene, {0xA1, 0xA0});
}

TEST_CASE("ata 0xB0 SMART agrees with word 82: all aborted, or signature, status and checksums right",
          "[ata-3]") {
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

TEST_CASE("ata 0xE0-0xE3, 0xE6, 0x94-0x97, 0x99 power commands succeed whatever their timer", "[ata-3]") {
    Scene scene;
    check_all_succeed(scene, {0xE0, 0xE1, 0xE2, 0xE3, 0xE6, 0x94, 0x95, 0x96, 0x97, 0x99});
    CHECK(scene.client.read(0, 1) == pattern(0, 1)); // and the disk does not sleep
}

TEST_CASE("ata 0xE5, 0x98 CHECK POWER MODE answers 0xFF in 60 bytes whatever the count", "[ata-3]") {
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

TEST_CASE("ata 0xE7, 0xEA FLUSH CACHE succeed in both durability modes", "[ata-3][ata-5]") {
    for (const char* durability :
         {"durability=stable", "durability=volatile", "durability=volatile,cache=page"}) {
        Scene scene(durability);
        scene.client.write(0, pattern(0, 2, 1));
        check_all_succeed(scene, {0xE7, 0xEA});
        CHECK(read_backing(scene.image.path(), 0, 2) == pattern(0, 2, 1));
    }
}

TEST_CASE("ata 0xEA FLUSH CACHE EXT succeeds on a read-only export, where nothing is to be flushed",
          "[ata-3]") {
    Scene scene("read-only");
    check_all_succeed(scene, {0xE7, 0xEA, 0xE0, 0xE6});
}

TEST_CASE("ata 0xEF SET FEATURES: the write cache switch tells the truth", "[ata-3]") {
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

TEST_CASE("ata 0xEF SET FEATURES: transfer mode, look-ahead and defaults succeed, others are aborted",
          "[ata-3]") {
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

TEST_CASE("ata 0xF1-0xF6, 0xB1, 0xB4, 0x92, 0x93, 0x45, 0x60-0x65, 0xF9, 0x37, 0x5x are aborted", "[ata-3]") {
    Scene scene;
    check_all_abort(scene, {0xF1, 0xF2, 0xF3, 0xF4, 0xF5, 0xF6, 0xB1, 0xB4, 0x92, 0x93, 0x45, 0x60, 0x61,
                            0x63, 0x64, 0x65, 0xF9, 0x37, 0x50, 0x54, 0x5A, 0x5B, 0x5C, 0x5D, 0x5E, 0x5F});
}

TEST_CASE("ata anything else: each opcode that the table does not name is aborted at once", "[ata-3]") {
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

TEST_CASE("ata 3 rules: every opcode is answered on a read-only export and changes nothing", "[ata-3]") {
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
