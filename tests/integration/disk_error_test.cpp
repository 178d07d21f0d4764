// Backing stores that fail (lib/protocol/README.md, "Device errors", lib/README.md, "Faults are weather"):
// the right answer, and the target goes on.
#include "catch.hpp"
#include "scene.hpp"

#include <memory>

using namespace aoetest;

namespace {

// What lib/protocol/README.md, "Device errors" allows for sectors that are gone: UNC or IDNF (0 bytes: beyond
// the end of the file), or a device fault.
bool is_media_failure(const Reply& reply) {
    if (reply.is_error() || reply.bytes.size() != 60)
        return false;
    if (reply.status() == status_error)
        return reply.ata_error() == error_uncorrectable || reply.ata_error() == error_id_not_found;
    return reply.status() == status_fault && reply.ata_error() == error_abort;
}

} // namespace

TEST_CASE("ata 6 row short read: a file truncated under the export fails reads of what is gone",
          "[ata-6][ata-3]") {
    for (const char* cache : {"cache=direct", "cache=page"}) {
        CAPTURE(cache);
        Scene scene(cache);
        scene.image.resize_bytes(1000 * sector_bytes);
        CHECK(is_media_failure(scene.client.ask(read_request(1500, 2))));
        CHECK(is_media_failure(scene.client.ask(read_request(999, 2)))); // half there: no short data
        CHECK(is_media_failure(
            scene.client.ask(ata_request(ata::read_verify_ext, 0, 200, 900, aflag_extended))));
        CHECK(scene.client.read(990, 2) == pattern(990, 2));
        scene.image.resize_bytes(2048 * sector_bytes);
        CHECK(scene.client.read(1500, 2) == Bytes(1024, 0)); // it is back
        CHECK(scene.client.identify().sectors_48() == 2048);
    }
}

TEST_CASE("ata 3 rules: a file that shrank never grows beyond the exported size", "[ata-3]") {
    Scene scene;
    scene.image.resize_bytes(1000 * sector_bytes);
    scene.client.ask(write_request(2046, pattern(2046, 2, 1)));
    CHECK(scene.image.size_bytes() <= 2048 * sector_bytes);
    CHECK(scene.client.ask(write_request(2047, pattern(2047, 2, 1))).ata_error() == error_id_not_found);
    CHECK(scene.image.size_bytes() <= 2048 * sector_bytes);
}

TEST_CASE("ata 6 row EIO on read: UNC, also when good and bad reads are merged into one operation",
          "[ata-6]") {
    const VethPair& wire = standard_wire();
    RawClient client(wire);
    if (!has_real_root())
        SKIP_BECAUSE("a loop device needs real root");
    const ImageFile image(512);
    const LoopDevice loop(image.path());
    const TargetProcess target({wire.target_end()}, {export_argument(1, 1, loop.path())});
    image.resize_bytes(256 * sector_bytes);
    for (int round = 0; round < 10; ++round) {
        std::vector<std::uint32_t> tags;
        for (std::uint64_t lba = 224; lba < 288; lba += 2) // adjacent, half of them bad
            tags.push_back(client.send(read_request(lba, 2)));
        for (std::uint64_t i = 0; i < tags.size(); ++i) {
            const std::uint64_t lba = 224 + 2 * i;
            const std::optional<Reply> reply = client.wait_for(tags[i]);
            REQUIRE(reply);
            CAPTURE(lba);
            if (lba < 256) {
                CHECK(reply->data() == pattern(lba, 2));
            } else {
                CHECK(reply->status() == status_error);
                CHECK(reply->ata_error() == error_uncorrectable);
            }
        }
    }
    // A first bad sector inside the request: named if known, else the request's own address.
    const Reply reply = client.ask(read_request(255, 2));
    CHECK(reply.ata_error() == error_uncorrectable);
    const int lba = reply.lba_registers()[0] | (reply.lba_registers()[1] << 8);
    CHECK((lba == 255 || lba == 256));
}

TEST_CASE("ata 6 row EIO on write: 0x61 and ABRT from a device that fails writes", "[ata-6]") {
    const VethPair& wire = standard_wire();
    RawClient client(wire);
    if (!ZramDevice::is_available())
        SKIP_BECAUSE("a zram device needs real root and the zram driver");
    const ZramDevice device(8 << 20);
    device.limit_memory(1 << 20); // more than that of incompressible data fails with EIO
    const TargetProcess target({wire.target_end()}, {export_argument(1, 1, device.path())});
    unsigned refused = 0;
    std::uint64_t last_good = 0;
    for (std::uint64_t lba = 0; lba < 16384; lba += 8) {
        const Reply reply = client.ask(write_request(lba, pattern(lba, 2)));
        if (reply.succeeded()) {
            last_good = lba;
            continue;
        }
        ++refused;
        CAPTURE(lba);
        CHECK(reply.status() == status_fault);
        CHECK(reply.ata_error() == error_abort);
    }
    CHECK(refused > 1000);
    CHECK(client.read(last_good, 2) == pattern(last_good, 2));
    CHECK(client.read(0, 2) == pattern(0, 2));
}

TEST_CASE("ata 6 row ENOSPC on write: 0x61 and ABRT, also for merged and queued writes", "[ata-6]") {
    const VethPair& wire = standard_wire();
    RawClient client(wire);
    if (!has_real_root())
        SKIP_BECAUSE("a mount needs real root");
    for (const char* cache : {"cache=direct", "cache=page"}) {
        CAPTURE(cache);
        const SmallFileSystem full(128 << 10);
        const ImageFile image(2048, ImageFile::Fill::sparse, full.folder());
        const TargetProcess target({wire.target_end()}, {export_argument(1, 1, image.path(), cache)});
        std::vector<std::uint32_t> tags;
        unsigned good = 0;
        unsigned refused = 0;
        for (std::uint64_t lba = 0; lba < 2048; lba += 2) {
            tags.push_back(client.send(write_request(lba, pattern(lba, 2, 1))));
            if (tags.size() < 32)
                continue;
            for (std::size_t i = 0; i < tags.size(); ++i) {
                const std::uint64_t first = lba - 2 * (tags.size() - 1 - i);
                const std::optional<Reply> reply = client.wait_for(tags[i]);
                REQUIRE(reply);
                if (reply->succeeded()) {
                    ++good;
                    CHECK(client.read(first, 2) == pattern(first, 2, 1));
                } else {
                    ++refused;
                    CHECK(reply->status() == status_fault);
                    CHECK(reply->ata_error() == error_abort);
                }
            }
            tags.clear();
        }
        CHECK(good >= 64);
        CHECK(refused >= 512);
    }
}

TEST_CASE("ata 6 row ENOSPC: when there is room again, writes go on", "[ata-6]") {
    const VethPair& wire = standard_wire();
    RawClient client(wire);
    if (!has_real_root())
        SKIP_BECAUSE("a mount needs real root");
    for (const char* options : {"cache=direct", "cache=page", "cache=page,durability=volatile"}) {
        CAPTURE(options);
        const SmallFileSystem full(256 << 10);
        const ImageFile image(2048, ImageFile::Fill::sparse, full.folder());
        auto ballast = std::make_unique<ImageFile>(384, ImageFile::Fill::pattern, full.folder());
        const TargetProcess target({wire.target_end()}, {export_argument(1, 1, image.path(), options)});
        std::uint64_t lba = 0;
        while (lba < 2048 && client.ask(write_request(lba, pattern(lba, 2, 1))).succeeded())
            lba += 2;
        REQUIRE(lba > 0);
        REQUIRE(lba < 2048);
        for (int again = 0; again < 3; ++again)
            CHECK(client.ask(write_request(lba, pattern(lba, 2, 1))).status() == status_fault);
        client.write(0, pattern(0, 2, 2)); // what has its place can be written
        ballast.reset();
        client.write(lba, pattern(lba, 2, 3));
        CHECK(client.ask(flush_request()).succeeded());
        CHECK(client.read(lba, 2) == pattern(lba, 2, 3));
        CHECK(client.read(0, 2) == pattern(0, 2, 2));
    }
}

TEST_CASE("ata 6 rows EROFS, EBADF, EPERM: a read-only export never changes its file", "[ata-6]") {
    Scene scene("read-only");
    CHECK(scene.client.ask(write_request(0, pattern(0, 2, 1))).ata_error() == error_abort);
    CHECK(scene.client.ask(write_request(0, pattern(0, 2, 1), 0x3D)).ata_error() == error_abort);
    CHECK(scene.image.read(0, 2) == pattern(0, 2));
}

TEST_CASE("ata 6 row EINVAL from O_DIRECT alignment: every alignment and size works", "[ata-6]") {
    JumboScene scene(9000);
    for (std::uint64_t lba = 0; lba < 9; ++lba)
        for (unsigned count = 1; count <= 17; ++count) {
            const std::uint32_t version = static_cast<std::uint32_t>(100 * lba + count);
            scene.client.write(lba, pattern(lba, count, version));
            CHECK(scene.client.read(lba, static_cast<std::uint8_t>(count)) == pattern(lba, count, version));
        }
}

TEST_CASE("a file that is unlinked under the export goes on", "[ata-6]") {
    const VethPair& wire = standard_wire();
    RawClient client(wire);
    auto image = std::make_unique<ImageFile>(64);
    const TargetProcess target({wire.target_end()}, {export_argument(1, 1, image->path())});
    image.reset();
    client.write(3, pattern(3, 2, 1));
    CHECK(client.read(3, 2) == pattern(3, 2, 1));
    CHECK(client.ask(flush_request()).succeeded());
}
