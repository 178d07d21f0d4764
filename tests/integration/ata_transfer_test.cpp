// The ATA header: lib/protocol/README.md, "Command 0: ATA", "28 or 48 bits", "Sector count", "Frame lengths"
// and "The A flag".
#include "catch.hpp"
#include "scene.hpp"

using namespace aoetest;

namespace {

constexpr std::uint64_t sectors_per_tebibyte = (1ULL << 40) / sector_bytes;

bool is_abort(const Reply& reply) {
    return reply.status() == status_error && reply.ata_error() == error_abort;
}

bool is_not_found(const Reply& reply) {
    return reply.status() == status_error && reply.ata_error() == error_id_not_found;
}

} // namespace

TEST_CASE("the E, D, A and W flags come back as sent", "[ata][registers]") {
    Scene scene;
    for (unsigned bits = 0; bits < 8; ++bits) {
        Request request = read_request(1, 1);
        const unsigned aflags =
            ((bits & 1) != 0 ? 0x40u : 0u) | ((bits & 2) != 0 ? 0x10u : 0u) | ((bits & 4) != 0 ? 0x02u : 0u);
        request.at(24) = static_cast<std::uint8_t>(aflags);
        const Reply reply = scene.client.ask(request);
        CHECK(reply.aflags() == aflags);
        CHECK(reply.data() == pattern(1, 1)); // the D bit selects nothing
    }
}

TEST_CASE("a READ that succeeds returns error 0, count 0 and status 0x40, whatever its Features",
          "[ata][registers]") {
    Scene scene;
    Request request = read_request(1, 2);
    request.at(25) = 0x99; // Features mean nothing to READ
    const Reply reply = scene.client.ask(request);
    CHECK(reply.ata_error() == 0);
    CHECK(reply.count() == 0);
    CHECK(reply.status() == 0x40);
}

TEST_CASE("the six LBA registers hold the least significant byte first", "[ata][lba]") {
    Scene scene("", 70000);
    for (const std::uint64_t lba : {std::uint64_t{0x01}, std::uint64_t{0x0102}, std::uint64_t{0x010203}})
        CHECK(scene.client.read(lba, 1) == pattern(lba, 1));
}

TEST_CASE("a WRITE stores exactly its own sectors", "[ata]") {
    Scene scene;
    for (const std::uint64_t lba :
         {std::uint64_t{0}, std::uint64_t{7}, std::uint64_t{8}, std::uint64_t{2046}}) {
        scene.client.write(lba, pattern(lba, 2, 5));
        CHECK(scene.client.read(lba, 2) == pattern(lba, 2, 5));
        if (lba > 0)
            CHECK(scene.client.read(lba - 1, 1) == pattern(lba - 1, 1, lba == 8 ? 5 : 0));
        if (lba + 2 < 2048)
            CHECK(scene.client.read(lba + 2, 1) == pattern(lba + 2, 1));
    }
    CHECK(scene.image.read(2046, 2) == pattern(2046, 2, 5));
    CHECK(scene.image.size_bytes() == 2048 * sector_bytes);
}

TEST_CASE("the opcode decides between 28 and 48 bits, not the E flag", "[ata][lba]") {
    const std::uint64_t size = 3 * sectors_per_tebibyte;
    Scene scene("durability=volatile", size, ImageFile::Fill::sparse);
    const std::uint64_t far = (1ULL << 32) + 5; // needs lba4
    scene.image.write(5, pattern(5, 1));
    scene.image.write(far, pattern(far, 1));
    for (const std::uint8_t aflags : {std::uint8_t{0}, aflag_extended}) {
        Request extended = read_request(far, 1);
        extended.at(24) = aflags;
        CHECK(scene.client.ask(extended).data() == pattern(far, 1));
        Request short_form = read_request(5, 1, ata::read_sectors);
        short_form.at(24) = aflags;
        short_form.at(32) = 1; // lba4 and lba5 are not part of a 28-bit address
        short_form.at(33) = 2;
        CHECK(scene.client.ask(short_form).data() == pattern(5, 1));
    }
    scene.client.write(far + 1, pattern(far + 1, 2, 3));
    CHECK(scene.image.read(far + 1, 2) == pattern(far + 1, 2, 3));
    const std::uint64_t last = size - 1; // needs lba4; with lba5 it would be 128 PiB
    scene.client.write(last, pattern(last, 1, 4));
    CHECK(scene.client.read(last, 1) == pattern(last, 1, 4));
    CHECK(is_not_found(scene.client.ask(read_request(1ULL << 40, 1))));
}

TEST_CASE("a 28-bit address takes the low nibble of lba3", "[ata][lba]") {
    Scene scene("durability=volatile", 1ULL << 28, ImageFile::Fill::sparse);
    for (unsigned nibble = 0; nibble < 16; ++nibble) {
        const std::uint64_t lba = (static_cast<std::uint64_t>(nibble) << 24) + 9;
        scene.image.write(lba, pattern(lba, 1));
        CHECK(scene.client.ask(read_request(lba, 1, ata::read_sectors)).data() == pattern(lba, 1));
        const Bytes newer = pattern(lba, 1, 2);
        CHECK(scene.client.ask(write_request(lba, newer, ata::write_sectors)).succeeded());
        CHECK(scene.image.read(lba, 1) == newer);
    }
}

TEST_CASE(
    "the high nibble of lba3 does not matter to a 28-bit address, nor the E flag to IDENTIFY and FLUSH CACHE",
    "[ata][lba]") {
    Scene scene;
    for (unsigned nibble = 0; nibble < 16; ++nibble) {
        Request request = read_request(3, 1, ata::read_sectors);
        request.at(31) = static_cast<std::uint8_t>(nibble << 4); // the LBA bit 0x40 is not required
        const Reply reply = scene.client.ask(request);
        CHECK(reply.data() == pattern(3, 1));
        CHECK(reply.byte_at(31) == nibble << 4);
    }
    Request windows = identify_request(); // Windows sets E on everything
    windows.at(24) = aflag_extended;
    CHECK(scene.client.ask(windows).succeeded());
    Request illumos = flush_request(ata::flush_cache); // illumos sets E on FLUSH
    illumos.at(24) = aflag_extended;
    CHECK(scene.client.ask(illumos).succeeded());
}

TEST_CASE("a READ that fits the interface is answered, even if it exceeds the advertised sector count",
          "[ata][sector-count]") {
    JumboScene scene(4118); // 7 sectors are advertised, 8 fit exactly
    const Reply config = scene.client.ask(config_request());
    CHECK(config.sectors_per_frame() == 7);
    CHECK(scene.client.read(0, 8) == pattern(0, 8));
    CHECK(is_abort(scene.client.ask(read_request(0, 9))));
}

TEST_CASE("a WRITE of any size that arrived whole is accepted", "[ata][sector-count]") {
    JumboScene scene(4118);
    scene.client.write(3, pattern(3, 8, 1)); // one more than advertised
    CHECK(scene.client.read(3, 8) == pattern(3, 8, 1));
}

TEST_CASE("a READ beyond the frame is aborted at once, as WinAoE's probing needs", "[ata][sector-count]") {
    Scene scene;
    for (unsigned count = 1; count < 256; ++count) {
        const Reply reply = scene.client.ask(read_request(0, static_cast<std::uint8_t>(count)));
        CAPTURE(count);
        if (count <= 2)
            CHECK(reply.data() == pattern(0, count));
        else
            CHECK(is_abort(reply));
    }
}

TEST_CASE("a READ or WRITE of count 0 is aborted", "[ata][sector-count]") {
    Scene scene;
    for (const std::uint8_t opcode :
         std::initializer_list<std::uint8_t>{0x20, 0x21, 0x24, 0x25, 0xC8, 0xC9}) {
        CAPTURE(static_cast<unsigned>(opcode));
        CHECK(is_abort(scene.client.ask(read_request(0, 0, opcode))));
    }
    for (const std::uint8_t opcode :
         std::initializer_list<std::uint8_t>{0x30, 0x31, 0x34, 0x35, 0x3D, 0xCA, 0xCB}) {
        CAPTURE(static_cast<unsigned>(opcode));
        Request request = write_request(0, pattern(0, 2, 1), opcode);
        request.at(26) = 0;
        CHECK(is_abort(scene.client.ask(request)));
        CHECK(is_abort(scene.client.ask(write_request(0, {}, opcode))));
    }
    CHECK(scene.client.read(0, 2) == pattern(0, 2));
}

TEST_CASE("the count is not interpreted by a command to which it is no length", "[ata][sector-count]") {
    Scene scene;
    for (const std::uint8_t count : {std::uint8_t{0}, std::uint8_t{1}, std::uint8_t{2}, std::uint8_t{255}}) {
        Request identify = identify_request();
        identify.at(26) = count;
        CHECK(scene.client.ask(identify).bytes.size() == 548);
        CHECK(scene.client.ask(ata_request(ata::check_power_mode, 0, count)).succeeded());
        CHECK(scene.client.ask(ata_request(ata::flush_cache, 0, count)).succeeded());
        CHECK(scene.client.ask(ata_request(ata::flush_cache_ext, 0, count)).succeeded());
    }
}

TEST_CASE("bytes after the payload of a WRITE are padding", "[ata][frame-length]") {
    Scene scene;
    Request request = write_request(10, pattern(10, 1, 1));
    request.argument.insert(request.argument.end(), 300, 0xED);
    CHECK(scene.client.ask(request).succeeded());
    CHECK(scene.client.read(9, 2) == [] {
        Bytes both = pattern(9, 1);
        const Bytes second = pattern(10, 1, 1);
        both.insert(both.end(), second.begin(), second.end());
        return both;
    }());
    CHECK(scene.client.read(11, 1) == pattern(11, 1));
}

TEST_CASE("a WRITE whose payload is shorter than its count is aborted", "[ata][frame-length]") {
    Scene scene;
    for (const std::size_t missing :
         {std::size_t{1}, std::size_t{511}, std::size_t{512}, std::size_t{1024}}) {
        Request request = write_request(0, pattern(0, 2, 9));
        request.argument.resize(request.argument.size() - missing);
        CAPTURE(missing);
        CHECK(is_abort(scene.client.ask(request)));
    }
    CHECK(scene.client.read(0, 2) == pattern(0, 2));
}

TEST_CASE("trailing junk after a READ does not matter", "[ata][frame-length]") {
    Scene scene;
    for (const std::size_t junk : {std::size_t{1}, std::size_t{24}, std::size_t{1024}, std::size_t{1464}}) {
        Request request = read_request(4, 2); // as a Linux path probe: zero or other bytes attached, W clear
        request.argument.insert(request.argument.end(), junk, 0xED);
        CHECK(scene.client.ask(request).data() == pattern(4, 2));
    }
}

TEST_CASE("IDENTIFY ignores data that is attached to it", "[ata][frame-length]") {
    JumboScene scene(9000);
    for (std::size_t junk = 0; junk <= 8704; junk += 512) { // aoe-sancheck sends every multiple of 512
        Request request = identify_request();
        request.argument.insert(request.argument.end(), junk, 0xED);
        CHECK(scene.client.ask(request).bytes.size() == 548);
    }
    Request aoeping = identify_request();
    aoeping.argument.resize(1060 - 24, 0xED);
    CHECK(scene.client.ask(aoeping).succeeded());
}

TEST_CASE("a READ with the W flag and a WRITE without it are aborted", "[ata]") {
    Scene scene;
    for (const std::uint8_t opcode :
         std::initializer_list<std::uint8_t>{0x20, 0x21, 0x24, 0x25, 0xC8, 0xC9}) {
        Request request = read_request(0, 1, opcode);
        request.at(24) = static_cast<std::uint8_t>(request.at(24) | aflag_write);
        CAPTURE(static_cast<unsigned>(opcode));
        CHECK(is_abort(scene.client.ask(request)));
        request.argument.insert(request.argument.end(), 512, 0xED);
        CHECK(is_abort(scene.client.ask(request)));
    }
    for (const std::uint8_t opcode :
         std::initializer_list<std::uint8_t>{0x30, 0x31, 0x34, 0x35, 0x3D, 0xCA, 0xCB}) {
        Request request = write_request(0, pattern(0, 1, 1), opcode);
        request.at(24) = static_cast<std::uint8_t>(request.at(24) & ~aflag_write);
        CAPTURE(static_cast<unsigned>(opcode));
        CHECK(is_abort(scene.client.ask(request)));
    }
    CHECK(scene.client.read(0, 1) == pattern(0, 1));
}

TEST_CASE("an answer has exactly 60, 36+512n or 548 bytes", "[ata][frame-length]") {
    JumboScene scene(9000);
    for (unsigned count = 1; count <= 17; ++count)
        CHECK(scene.client.ask(read_request(5, static_cast<std::uint8_t>(count))).bytes.size() ==
              36 + 512 * count);
    CHECK(scene.client.ask(write_request(5, pattern(5, 17))).bytes.size() == 60);
    CHECK(scene.client.ask(read_request(2040, 17)).bytes.size() == 60); // beyond the end: no partial data
    CHECK(scene.client.ask(read_request(0, 18)).bytes.size() == 60);
    CHECK(scene.client.ask(identify_request()).bytes.size() == 548);
}

TEST_CASE("the A flag is ignored: a WRITE is on disk when it is answered", "[ata][durability]") {
    Scene scene;
    Request request = write_request(20, pattern(20, 2, 1));
    request.at(24) = static_cast<std::uint8_t>(request.at(24) | aflag_asynchronous);
    const Reply reply = scene.client.ask(request);
    CHECK(reply.succeeded());
    CHECK(scene.image.read(20, 2) == pattern(20, 2, 1));
    Request beyond = write_request(2048, pattern(0, 1));
    beyond.at(24) = static_cast<std::uint8_t>(beyond.at(24) | aflag_asynchronous);
    CHECK(is_not_found(scene.client.ask(beyond)));
}

TEST_CASE("the range test does not overflow", "[ata][lba]") {
    Scene scene;
    const std::uint64_t lbas[] = {2048,           2049,           0xFFFFFFF,      0xFFFFFFFF,    0x100000000,
                                  0x7FFFFFFFFFFF, 0xFFFFFFFFFFFE, 0xFFFFFFFFFFFF, 0x800000000000};
    for (const std::uint64_t lba : lbas) {
        CAPTURE(lba);
        CHECK(is_not_found(scene.client.ask(read_request(lba, 1))));
        CHECK(is_not_found(scene.client.ask(read_request(lba, 2))));
        CHECK(is_not_found(scene.client.ask(write_request(lba, pattern(0, 2)))));
        CHECK(is_not_found(scene.client.ask(ata_request(ata::read_verify_ext, 0, 0, lba, aflag_extended))));
        CHECK(is_not_found(scene.client.ask(trim_request({{lba, 1}}))));
    }
    CHECK(is_not_found(scene.client.ask(read_request(2047, 2))));
    CHECK(is_not_found(scene.client.ask(write_request(2047, pattern(0, 2)))));
    CHECK(scene.client.read(2047, 1) == pattern(2047, 1));
    CHECK(scene.image.size_bytes() == 2048 * sector_bytes);
}

TEST_CASE("holes of a sparse file read as zeros", "[ata]") {
    Scene scene("", 4096, ImageFile::Fill::sparse);
    CHECK(scene.client.read(1000, 2) == Bytes(1024, 0));
    scene.client.write(1001, pattern(1001, 1));
    CHECK(scene.client.read(1000, 1) == Bytes(512, 0));
    CHECK(scene.client.read(1002, 1) == Bytes(512, 0));
    CHECK(scene.client.read(1001, 1) == pattern(1001, 1));
}

TEST_CASE("the odd tail of a file is inaccessible and stays as it is", "[ata]") {
    const VethPair& wire = standard_wire();
    const ImageFile image(64);
    image.resize_bytes(63 * sector_bytes + 300);
    RawClient client(wire);
    {
        const TargetProcess target({wire.target_end()}, {export_argument(1, 1, image.path())});
        CHECK(client.identify().sectors_48() == 63);
        client.write(62, pattern(62, 1, 1));
        CHECK(client.read(62, 1) == pattern(62, 1, 1));
        CHECK(is_not_found(client.ask(read_request(63, 1))));
        CHECK(is_not_found(client.ask(write_request(63, pattern(63, 1)))));
        CHECK(is_not_found(client.ask(write_request(62, pattern(62, 2)))));
    }
    CHECK(image.size_bytes() == 63 * sector_bytes + 300);
    const Bytes tail = image.read(63, 1);
    const Bytes whole = pattern(63, 1);
    CHECK(tail == Bytes(whole.begin(), whole.begin() + 300));
}
