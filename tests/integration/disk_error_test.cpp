// Backing stores that fail (lib/protocol/README.md, "Device errors", lib/README.md, "Faults are weather"):
// the right answer, and the target continues.
#include "catch.hpp"
#include "scene.hpp"

#include <chrono>
#include <csignal>
#include <memory>

using namespace aoetest;

namespace {

bool is_fault(const Reply& reply) {
    return !reply.is_error() && reply.bytes.size() == 60 && reply.status() == status_fault &&
           reply.ata_error() == error_abort;
}

bool has(const std::string& text, const std::string& words) {
    return text.find(words) != std::string::npos;
}

} // namespace

TEST_CASE("a file that was truncated under the export fails reads beyond its end", "[device-error]") {
    for (const char* cache : {"cache=direct", "cache=page"}) {
        CAPTURE(cache);
        Scene scene(cache);
        scene.image.resize_bytes(1000 * sector_bytes);
        CHECK(is_fault(scene.client.ask(read_request(1500, 2))));
        CHECK(is_fault(scene.client.ask(read_request(999, 2)))); // half there: no short data
        CHECK(is_fault(scene.client.ask(ata_request(ata::read_verify_ext, 0, 200, 900, aflag_extended))));
        CHECK(scene.client.read(990, 2) == pattern(990, 2));
        scene.image.resize_bytes(2048 * sector_bytes);
        CHECK(scene.client.read(1500, 2) == Bytes(1024, 0)); // it is back
        CHECK(scene.client.identify().sectors_48() == 2048);
    }
}

TEST_CASE("a file that shrank never grows beyond the exported size", "[device-error]") {
    Scene scene;
    scene.image.resize_bytes(1000 * sector_bytes);
    scene.client.ask(write_request(2046, pattern(2046, 2, 1)));
    CHECK(scene.image.size_bytes() <= 2048 * sector_bytes);
    CHECK(scene.client.ask(write_request(2047, pattern(2047, 2, 1))).ata_error() == error_id_not_found);
    CHECK(scene.image.size_bytes() <= 2048 * sector_bytes);
}

TEST_CASE("a read that fails with EIO is answered with UNC, even if good and bad reads are merged",
          "[device-error]") {
    if (!has_real_root())
        SKIP_BECAUSE("a loop device needs real root");
    LoopScene scene(512);
    scene.image.resize_bytes(256 * sector_bytes);
    for (int round = 0; round < 10; ++round) {
        std::vector<std::uint32_t> tags;
        for (std::uint64_t lba = 224; lba < 288; lba += 2) // adjacent, half of them bad
            tags.push_back(scene.client.send(read_request(lba, 2)));
        for (std::uint64_t i = 0; i < tags.size(); ++i) {
            const std::uint64_t lba = 224 + 2 * i;
            const std::optional<Reply> reply = scene.client.wait_for(tags[i]);
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
    const Reply reply = scene.client.ask(read_request(255, 2));
    CHECK(reply.ata_error() == error_uncorrectable);
    const int lba = reply.lba_registers()[0] | (reply.lba_registers()[1] << 8);
    CHECK((lba == 255 || lba == 256));
}

TEST_CASE("a write that fails with EIO is answered with status 0x61 and ABRT", "[device-error]") {
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

TEST_CASE(
    "a write that fails with ENOSPC is answered with status 0x61 and ABRT, even if it was merged or queued",
    "[device-error]") {
    const VethPair& wire = standard_wire();
    RawClient client(wire);
    if (!has_real_root())
        SKIP_BECAUSE("a mount needs real root");
    for (const char* cache : {"cache=direct,on-error=answer", "cache=page,on-error=answer"}) {
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

TEST_CASE("writes succeed again after ENOSPC when there is room", "[device-error]") {
    const VethPair& wire = standard_wire();
    RawClient client(wire);
    if (!has_real_root())
        SKIP_BECAUSE("a mount needs real root");
    for (const char* options : {"cache=direct,on-error=answer", "cache=page,on-error=answer",
                                "cache=page,durability=volatile,on-error=answer"}) {
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

TEST_CASE("a write that finds no space stays unanswered, and succeeds when there is room", "[device-error]") {
    const VethPair& wire = standard_wire();
    RawClient client(wire);
    if (!has_real_root())
        SKIP_BECAUSE("a mount needs real root");
    const SmallFileSystem full(256 << 10);
    const ImageFile image(2048, ImageFile::Fill::sparse, full.folder());
    auto ballast = std::make_unique<ImageFile>(384, ImageFile::Fill::pattern, full.folder());
    TargetProcess target({wire.target_end()}, {export_argument(1, 1, image.path())});
    std::uint64_t lba = 0;
    std::optional<Reply> reply;
    std::uint32_t tag = 0;
    do {
        tag = client.send(write_request(lba, pattern(lba, 2, 1)));
        reply = client.wait_for(tag, Milliseconds(500));
        lba += reply ? 2 : 0;
    } while (reply && lba < 2048);
    REQUIRE(lba < 2048);
    CHECK(client.wait_until([&] { return has(target.log(), "No space left on device"); }));
    ballast.reset();
    client.write(lba, pattern(lba, 2, 1)); // as an initiator repeats it
    CHECK(client.wait_until([&] { return has(target.log(), "Writes find space again"); }));
    CHECK(client.read(lba, 2) == pattern(lba, 2, 1));
}

TEST_CASE("errors stay unanswered for as long as the command line says", "[device-error]") {
    Scene scene("on-error=silent:2s");
    scene.image.resize_bytes(0);
    const auto begin = std::chrono::steady_clock::now();
    std::optional<Reply> reply;
    while (!reply)
        reply = scene.client.wait_for(scene.client.send(read_request(100, 2)), Milliseconds(200));
    CHECK(std::chrono::steady_clock::now() - begin > std::chrono::milliseconds(1500));
    CHECK(is_fault(*reply));
    CHECK(scene.client.wait_until([&] { return has(scene.target.log(), "error: e1.1: "); }));
    CHECK(has(scene.target.log(), "The device is gone, or has become smaller than it was."));
    scene.image.resize_bytes(2048 * sector_bytes);
    CHECK(scene.client.read(100, 2) == Bytes(1024, 0));
    CHECK(scene.client.wait_until([&] { return has(scene.target.log(), "It carries out requests again."); }));
}

TEST_CASE("an export says at once that it refuses writes since a flush failed", "[device-error]") {
    const VethPair& wire = standard_wire();
    RawClient client(wire);
    if (!has_real_root())
        SKIP_BECAUSE("a mount and a loop device need real root");
    const SmallFileSystem full(256 << 10);
    const ImageFile below(2048, ImageFile::Fill::sparse, full.folder());
    const LoopDevice loop(below.path());
    TargetProcess target({wire.target_end()},
                         {export_argument(1, 1, loop.path(), "cache=page,on-error=answer")});
    std::uint64_t lba = 0;
    while (lba < 2048 && client.ask(write_request(lba, pattern(lba, 2, 1))).succeeded())
        lba += 2;
    REQUIRE(lba < 2048);
    CHECK(client.wait_until([&] { return has(target.log(), "the export refuses writes from now on"); }));
    CHECK(is_fault(client.ask(write_request(0, pattern(0, 2, 2)))));
    CHECK(client.read(0, 2) == pattern(0, 2, 1));
    target.signal(SIGTERM);
    CHECK(target.wait_for_exit(Milliseconds(5000)) == 1); // its last flush fails too
    target.expect_exit();
}

TEST_CASE("a read-only export never changes its file", "[device-error]") {
    Scene scene("read-only");
    CHECK(scene.client.ask(write_request(0, pattern(0, 2, 1))).ata_error() == error_abort);
    CHECK(scene.client.ask(write_request(0, pattern(0, 2, 1), 0x3D)).ata_error() == error_abort);
    CHECK(scene.image.read(0, 2) == pattern(0, 2));
}

TEST_CASE("every alignment and size works under O_DIRECT", "[device-error]") {
    JumboScene scene(9000);
    for (std::uint64_t lba = 0; lba < 9; ++lba)
        for (unsigned count = 1; count <= 17; ++count) {
            const std::uint32_t version = static_cast<std::uint32_t>(100 * lba + count);
            scene.client.write(lba, pattern(lba, count, version));
            CHECK(scene.client.read(lba, static_cast<std::uint8_t>(count)) == pattern(lba, count, version));
        }
}

TEST_CASE("a file that is unlinked under the export is still served", "[device-error]") {
    const VethPair& wire = standard_wire();
    RawClient client(wire);
    auto image = std::make_unique<ImageFile>(64);
    const TargetProcess target({wire.target_end()}, {export_argument(1, 1, image->path())});
    image.reset();
    client.write(3, pattern(3, 2, 1));
    CHECK(client.read(3, 2) == pattern(3, 2, 1));
    CHECK(client.ask(flush_request()).succeeded());
}
