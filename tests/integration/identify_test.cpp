// lib/protocol/README.md, "IDENTIFY": the 256 words of IDENTIFY DEVICE, and the 0xEC row of the command
// table.
#include "catch.hpp"
#include "scene.hpp"

#include <algorithm>

using namespace aoetest;

namespace {

unsigned byte_sum(const Bytes& data) {
    unsigned sum = 0;
    for (const std::uint8_t byte : data)
        sum += byte;
    return sum;
}

bool is_plain_text(const Identify& identify, std::size_t first, std::size_t last) {
    for (std::size_t i = first; i <= last; ++i)
        for (const int letter : {identify.words[i] >> 8, identify.words[i] & 0xFF})
            if (letter < 0x20 || letter > 0x7E)
                return false;
    return true;
}

std::uint64_t wwn(const Identify& identify) {
    return (static_cast<std::uint64_t>(identify.words[108]) << 48) |
           (static_cast<std::uint64_t>(identify.words[109]) << 32) |
           (static_cast<std::uint64_t>(identify.words[110]) << 16) | identify.words[111];
}

Identify identify_export(const std::string& path, const std::string& options, unsigned shelf = 1,
                         unsigned slot = 1) {
    const VethPair& wire = standard_wire();
    RawClient client(wire);
    Request request = identify_request();
    request.to(static_cast<std::uint16_t>(shelf), static_cast<std::uint8_t>(slot));
    const TargetProcess target({wire.target_end()}, {export_argument(shelf, slot, path, options)});
    return Identify(client.ask(request).data());
}

} // namespace

TEST_CASE("IDENTIFY DEVICE (0xEC) accepts any count, flag, register, junk and address", "[ata][identify]") {
    Scene scene;
    const Bytes expected = scene.client.ask(identify_request()).data();
    REQUIRE(expected.size() == 512);
    for (unsigned count = 0; count < 256; count += 5) { // macOS sends 0
        Request request = identify_request();
        request.at(26) = static_cast<std::uint8_t>(count);
        request.at(24) = count % 2 == 0 ? aflag_extended : std::uint8_t{0};
        for (std::size_t i = 28; i < 34; ++i)
            request.at(i) = static_cast<std::uint8_t>(count * i);
        request.argument.insert(request.argument.end(), count, 0xED);
        CHECK(scene.client.ask(request).data() == expected);
    }
    Request windows = identify_request();
    windows.at(24) = aflag_extended;
    windows.destination = broadcast_mac;
    CHECK(scene.client.ask(windows.to(every_shelf, every_slot)).data() == expected);
}

TEST_CASE("IDENTIFY word 0 names an ATA device", "[ata][identify]") {
    Scene scene;
    CHECK(scene.client.identify().words[0] == 0x0040);
}

TEST_CASE("IDENTIFY words 1, 3, 6 and 53-58 give a geometry that is consistent with the size",
          "[ata][identify]") {
    for (const std::uint64_t sectors :
         {std::uint64_t{2048}, std::uint64_t{16514064}, std::uint64_t{1} << 30}) {
        CAPTURE(sectors);
        Scene scene("", sectors, ImageFile::Fill::sparse);
        const Identify identify = scene.client.identify();
        CHECK(identify.words[3] == 16);
        CHECK(identify.words[6] == 63);
        if (sectors >= 16514064)
            CHECK(identify.words[1] == 16383);
        CHECK((identify.words[53] & 0x0007) == 0x0007);
        CHECK(identify.words[54] <= 16383);
        CHECK(identify.words[55] == 16);
        CHECK(identify.words[56] == 63);
        const unsigned product = 16u * 63u * identify.words[54];
        CHECK((identify.words[57] | (static_cast<unsigned>(identify.words[58]) << 16)) == product);
        CHECK(product <= std::max<std::uint64_t>(sectors, 16 * 63));
    }
}

TEST_CASE("IDENTIFY words 10-46 hold serial, firmware and model as swapped text padded with spaces",
          "[ata][identify]") {
    Scene scene("serial=Disk 4711");
    const Identify identify = scene.client.identify();
    CHECK(identify.text(10, 19) == "Disk 4711");
    CHECK(identify.words[10] == (('D' << 8) | 'i'));
    CHECK(is_plain_text(identify, 10, 19));
    CHECK(is_plain_text(identify, 23, 26));
    CHECK(is_plain_text(identify, 27, 46));
    CHECK_FALSE(identify.text(23, 26).empty());
    CHECK_FALSE(identify.text(27, 46).empty());
}

TEST_CASE("serial and WWN in IDENTIFY survive a restart and differ between exports", "[ata][identify]") {
    const ImageFile first(64);
    const ImageFile second(64);
    const Identify before = identify_export(first.path(), "");
    const Identify after = identify_export(first.path(), "");
    CHECK_FALSE(before.text(10, 19).empty());
    CHECK(before.text(10, 19) == after.text(10, 19));
    CHECK(wwn(before) == wwn(after));
    const Identify other = identify_export(second.path(), "", 1, 2);
    CHECK(other.text(10, 19) != before.text(10, 19));
    CHECK(wwn(other) != wwn(before));
}

TEST_CASE("IDENTIFY words 108-111 hold an NAA 3 or 5 name that is derived from the serial",
          "[ata][identify]") {
    const ImageFile image(64);
    const Identify first = identify_export(image.path(), "serial=ABC");
    const Identify same = identify_export(image.path(), "serial=ABC");
    const Identify other = identify_export(image.path(), "serial=ABD");
    const std::uint64_t naa = wwn(first) >> 60;
    CHECK((naa == 3 || naa == 5));
    CHECK(wwn(first) == wwn(same));
    CHECK(wwn(first) != wwn(other));
}

TEST_CASE("IDENTIFY words 47-50 and 59 claim the plain capabilities", "[ata][identify]") {
    Scene scene;
    const Identify identify = scene.client.identify();
    CHECK(identify.words[47] == 0x8000);
    CHECK(identify.words[48] == 0x4000);
    CHECK(identify.bit(49, 9)); // LBA: Plan 9 insists
    CHECK(identify.bit(49, 8)); // DMA: the DMA opcodes are accepted
    CHECK(identify.words[50] == 0x4000);
    CHECK(identify.words[59] == 0);
}

TEST_CASE("IDENTIFY words 60-61 give the capacity as far as 28 bits reach, and words 100-103 give all of it",
          "[ata][identify]") {
    for (const std::uint64_t sectors : {std::uint64_t{1}, std::uint64_t{2048}, std::uint64_t{0x0FFFFFFF},
                                        std::uint64_t{0x10000000}, std::uint64_t{0x180000123}}) {
        CAPTURE(sectors);
        Scene scene("", sectors, ImageFile::Fill::sparse);
        const Identify identify = scene.client.identify();
        CHECK(identify.sectors_48() == sectors);
        CHECK(identify.sectors_28() == std::min<std::uint64_t>(sectors, 0x0FFFFFFF));
        CHECK(identify.words[103] == 0);
    }
}

TEST_CASE("IDENTIFY words 63-68, 88 and 93 claim transfer modes exactly when DMA is claimed",
          "[ata][identify]") {
    Scene scene;
    const Identify identify = scene.client.identify();
    const bool dma = identify.bit(49, 8);
    CHECK((identify.words[63] & 0x0007) == (dma ? 0x0007 : 0));
    CHECK(identify.words[64] == 0x0003);
    for (std::size_t i = 65; i <= 68; ++i)
        CHECK(identify.words[i] == 120);
    CHECK(identify.words[88] == (dma ? 0x203F : 0));
    CHECK(identify.words[93] == 0x400B);
}

TEST_CASE("IDENTIFY words 75-79, 117-118, 128, 168, 206 and 222 are zero, since a virtual disk has no such "
          "features",
          "[ata][identify]") {
    Scene scene;
    const Identify identify = scene.client.identify();
    for (const std::size_t word :
         std::initializer_list<std::size_t>{75, 76, 77, 78, 79, 117, 118, 128, 168, 206, 222})
        CHECK(identify.words[word] == 0);
}

TEST_CASE("IDENTIFY words 80, 82-87, 119 and 120 claim the command sets that work", "[ata][identify]") {
    Scene scene("durability=stable");
    const Identify identify = scene.client.identify();
    CHECK(identify.words[80] == 0x03F0);
    CHECK((identify.words[82] & ~0x0001) == 0x4008);
    CHECK(identify.words[83] == 0x7400);
    CHECK(identify.words[84] == 0x4140);
    CHECK(identify.words[85] == identify.words[82]);
    CHECK(identify.words[86] == 0xB400);
    CHECK(identify.words[87] == 0x4140);
    CHECK(identify.words[119] == 0x4000);
    CHECK(identify.words[120] == 0x4000);
}

TEST_CASE("IDENTIFY words 82 and 85 claim a write cache exactly when it is volatile",
          "[ata][identify][durability]") {
    for (const char* cache : {"cache=direct", "cache=page"}) {
        const ImageFile image(64);
        const Identify stable = identify_export(image.path(), std::string("durability=stable,") + cache);
        CHECK_FALSE(stable.bit(82, 5));
        CHECK_FALSE(stable.bit(85, 5));
        const Identify cached = identify_export(image.path(), std::string("durability=volatile,") + cache);
        CHECK(cached.bit(82, 5));
        CHECK(cached.bit(85, 5));
    }
}

TEST_CASE("IDENTIFY words 106 and 209 claim no larger physical sector for a 512-byte device",
          "[ata][identify]") {
    if (!has_real_root())
        SKIP_BECAUSE("a loop device needs real root");
    LoopScene scene(64);
    const Identify identify = scene.client.identify();
    // What the loop driver reports as physical block decides; bits 15:14 are fixed and logical sectors are
    // 512 bytes.
    CHECK((identify.words[106] & 0xC000) == 0x4000);
    CHECK_FALSE(identify.bit(106, 12));
    if (!identify.bit(106, 13))
        CHECK((identify.words[106] & 0x000F) == 0);
}

TEST_CASE("IDENTIFY words 106 and 209 give a 4096-byte block and the place in it where the window starts",
          "[ata][identify]") {
    const VethPair& wire = standard_wire();
    RawClient client(wire);
    if (!ZramDevice::is_available())
        SKIP_BECAUSE("a zram device needs real root and the zram driver");
    const ZramDevice device(1 << 20);
    for (const unsigned offset : {0u, 3u, 8u, 15u}) {
        const TargetProcess target(
            {wire.target_end()},
            {export_argument(1, 1, device.path(), "offset=" + std::to_string(offset) + "s")});
        const Identify identify = client.identify();
        CHECK(identify.words[106] == 0x6003);
        CHECK((identify.words[209] & 0xC000) == 0x4000);
        CHECK((identify.words[209] & 0x3FFF) == offset % 8);
        CHECK(identify.sectors_48() == 2048 - offset);
    }
}

TEST_CASE("IDENTIFY word 217 gives the rotation rate of the backing device, or says that it is unknown",
          "[ata][identify]") {
    const ImageFile image(64);
    const unsigned rate = identify_export(image.path(), "").words[217];
    CHECK((rate == 0 || rate == 1 || (rate >= 0x401 && rate < 0xFFFF)));
    if (ZramDevice::is_available()) {
        const ZramDevice device(1 << 20); // never rotates
        CHECK(identify_export(device.path(), "").words[217] == 1);
    }
}

TEST_CASE("IDENTIFY word 255 holds signature and checksum", "[ata][identify]") {
    for (const char* serial : {"serial=A", "serial=another one", ""}) {
        Scene scene(serial);
        const Bytes data = scene.client.ask(identify_request()).data();
        REQUIRE(data.size() == 512);
        CHECK(data[510] == 0xA5);
        CHECK((byte_sum(data) & 0xFF) == 0);
    }
}
