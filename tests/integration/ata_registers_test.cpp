// lib/protocol/README.md, "Registers in the answer": which registers come back with each outcome.
#include "catch.hpp"
#include "scene.hpp"

using namespace aoetest;

namespace {

struct Expected {
    std::uint8_t status;
    std::uint8_t error;
    std::uint8_t count;
};

void check_registers(Scene& scene, const Request& request, const Expected& expected) {
    const Reply reply = scene.client.ask(request);
    CAPTURE(hex_dump(request.encode(), 40), hex_dump(reply.bytes, 40));
    CHECK_FALSE(reply.is_error());
    CHECK(reply.status() == expected.status);
    CHECK(reply.ata_error() == expected.error);
    CHECK(reply.count() == expected.count);
    CHECK(reply.lba_registers() == Bytes(request.argument.begin() + 4, request.argument.begin() + 10));
}

} // namespace

TEST_CASE("a READ or WRITE that succeeds returns status 0x40, error 0, count 0 and the LBA of the request",
          "[ata][registers]") {
    Scene scene;
    for (const std::uint8_t opcode : std::initializer_list<std::uint8_t>{0x20, 0x24, 0xC8, 0x25})
        check_registers(scene, read_request(0x102, 2, opcode), {0x40, 0, 0});
    for (const std::uint8_t opcode : std::initializer_list<std::uint8_t>{0x30, 0x34, 0xCA, 0x35, 0x3D})
        check_registers(scene, write_request(0x102, pattern(0x102, 2), opcode), {0x40, 0, 0});
}

TEST_CASE("IDENTIFY returns status 0x40, error 0, count 0 and the LBA of the request", "[ata][registers]") {
    Scene scene;
    Request request = identify_request();
    for (std::size_t i = 28; i < 34; ++i)
        request.at(i) = static_cast<std::uint8_t>(i);
    check_registers(scene, request, {0x40, 0, 0});
}

TEST_CASE("CHECK POWER MODE returns status 0x40, error 0, count 0xFF and the LBA of the request",
          "[ata][registers]") {
    Scene scene;
    check_registers(scene, ata_request(ata::check_power_mode, 0, 0, 0x123456), {0x40, 0, 0xFF});
    check_registers(scene, ata_request(ata::check_power_mode, 0, 9, 0x123456), {0x40, 0, 0xFF});
}

TEST_CASE("FLUSH CACHE returns status 0x40, error 0, count 0 and the LBA of the request",
          "[ata][registers]") {
    Scene scene;
    check_registers(scene, ata_request(ata::flush_cache, 0, 3, 0x123456), {0x40, 0, 0});
    check_registers(scene, ata_request(ata::flush_cache_ext, 0, 3, 0x123456), {0x40, 0, 0});
}

TEST_CASE("a request out of range returns status 0x41, IDNF, and its own count and LBA", "[ata][registers]") {
    Scene scene;
    check_registers(scene, read_request(2048, 1), {0x41, 0x10, 1});
    check_registers(scene, read_request(2047, 2, ata::read_sectors), {0x41, 0x10, 2});
    check_registers(scene, write_request(2047, pattern(0, 2)), {0x41, 0x10, 2});
    check_registers(scene, write_request(0xFFFFFFFFFFFF, pattern(0, 1)), {0x41, 0x10, 1});
    check_registers(scene, ata_request(ata::read_verify, 0, 100, 2000), {0x41, 0x10, 100});
}

TEST_CASE(
    "a transfer that is too long, empty or lacks data returns status 0x41, ABRT, and its own count and LBA",
    "[ata][registers]") {
    Scene scene;
    check_registers(scene, read_request(7, 3), {0x41, 0x04, 3});
    check_registers(scene, read_request(7, 255), {0x41, 0x04, 255});
    check_registers(scene, read_request(7, 0), {0x41, 0x04, 0});
    Request missing = write_request(7, pattern(7, 2));
    missing.argument.resize(missing.argument.size() - 512);
    check_registers(scene, missing, {0x41, 0x04, 2});
}

TEST_CASE("a WRITE to a read-only export returns status 0x41, ABRT, and its own count and LBA",
          "[ata][registers]") {
    Scene scene("read-only");
    for (const std::uint8_t opcode :
         std::initializer_list<std::uint8_t>{0x30, 0x31, 0x34, 0x35, 0x3D, 0xCA, 0xCB})
        check_registers(scene, write_request(7, pattern(7, 2, 1), opcode), {0x41, 0x04, 2});
    CHECK(scene.client.read(7, 2) == pattern(7, 2));
}

TEST_CASE("a READ of a bad sector returns status 0x41 and UNC in 60 bytes",
          "[ata][registers][device-error]") {
    if (!has_real_root())
        SKIP_BECAUSE("a loop device needs real root");
    LoopScene scene(64);
    scene.image.resize_bytes(32 * sector_bytes); // the loop driver fails reads of what is gone with EIO
    const Reply reply = scene.client.ask(read_request(40, 2));
    CHECK(reply.status() == 0x41);
    CHECK(reply.ata_error() == 0x40);
    CHECK(reply.bytes.size() == 60);
    CHECK(reply.count() <= 2);
    CHECK(scene.client.read(8, 2) == pattern(8, 2));
}

TEST_CASE("a WRITE that the device fails returns status 0x61 and ABRT", "[ata][registers][device-error]") {
    const VethPair& wire = standard_wire();
    RawClient client(wire);
    if (!has_real_root())
        SKIP_BECAUSE("a mount needs real root");
    const SmallFileSystem full(256 << 10);
    const ImageFile image(2048, ImageFile::Fill::sparse, full.folder());
    const TargetProcess target({wire.target_end()}, {export_argument(1, 1, image.path(), "on-error=answer")});
    unsigned refused = 0;
    for (std::uint64_t lba = 0; lba < 2048; lba += 8) {
        const Reply reply = client.ask(write_request(lba, pattern(lba, 2, 1)));
        if (reply.succeeded()) {
            CHECK(client.read(lba, 2) == pattern(lba, 2, 1));
            continue;
        }
        ++refused; // ENOSPC
        CHECK(reply.status() == 0x61);
        CHECK(reply.ata_error() == 0x04);
    }
    CHECK(refused >= 2048 / 8 - 64);
    CHECK(client.read(0, 2) == pattern(0, 2, 1));
}

TEST_CASE("an unsupported ATA command returns status 0x41, ABRT, and its own count and LBA",
          "[ata][registers]") {
    Scene scene;
    check_registers(scene, ata_request(0xF7, 0x12, 0x34, 0x56789A), {0x41, 0x04, 0x34});
    check_registers(scene, ata_request(0x8A, 0, 0, 0xFFFFFFFFFFFF, aflag_extended), {0x41, 0x04, 0});
}
