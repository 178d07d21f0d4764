// lib/protocol/README.md, "Command 3: Reserve/Release": Reserve/Release, and the reservation column of the
// command table in lib/protocol/README.md, "ATA commands".
#include "catch.hpp"
#include "scene.hpp"

using namespace aoetest;

namespace {

using Macs = std::vector<Mac>;
using Opcodes = std::vector<std::uint8_t>;

Macs numbered(unsigned first, unsigned count) {
    Macs list;
    for (unsigned i = 0; i < count; ++i)
        list.push_back(numbered_mac(first + i));
    return list;
}

// Sends the opcode in a well-formed shape from an address that does not hold the reservation.
Request well_formed(std::uint8_t opcode) {
    if (ata::writes_data(opcode))
        return write_request(0, pattern(0, 1, 1), opcode);
    if (opcode == ata::data_set_management)
        return trim_request({{0, 8}});
    if (ata::reads_data(opcode))
        return read_request(0, 1, opcode);
    if (opcode == ata::set_features)
        return ata_request(opcode, 0xAA);
    if (opcode == ata::smart)
        return ata_request(opcode, 0xDA, 0, 0xC24F00);
    return ata_request(opcode, 0, 1, 0);
}

} // namespace

TEST_CASE("a reservation read returns the holders", "[reserve]") {
    Scene scene;
    Reply reply = scene.client.ask(reserve_request());
    CHECK(reply.holder_count() == 0);
    scene.client.ask(reserve_request(reserve_set, numbered(1, 3)));
    reply = scene.client.ask(reserve_request());
    CHECK(reply.rcmd() == reserve_read);
    CHECK(reply.holders() == numbered(1, 3));
    // A read's own list means nothing.
    CHECK(scene.client.ask(reserve_request(reserve_read, numbered(9, 2))).holders() == numbered(1, 3));
}

TEST_CASE("a host may set the reservation if there is none, even without being in it", "[reserve]") {
    Scene scene;
    const Reply reply = scene.client.ask(reserve_request(reserve_set, numbered(1, 2)));
    CHECK(reply.byte_at(14) == 0x18);
    CHECK(reply.rcmd() == reserve_set);
    CHECK(reply.holders() == numbered(1, 2));
}

TEST_CASE("each holder of the reservation may set it, wherever its place in the list", "[reserve]") {
    Scene scene;
    // Unsorted, and asked by each in turn: a binary search or a comparison with the destination would fail
    // here.
    const Macs unsorted{numbered_mac(9), numbered_mac(2), numbered_mac(7), numbered_mac(1), numbered_mac(5)};
    scene.client.ask(reserve_request(reserve_set, unsorted));
    for (const Mac& holder : unsorted) {
        const Reply reply = scene.client.ask(reserve_request(reserve_set, unsorted).from(holder));
        CHECK_FALSE(reply.is_error());
        CHECK(reply.holders() == unsorted);
        CHECK(scene.client.ask(read_request(0, 1).from(holder)).succeeded());
    }
}

TEST_CASE("a set by a host that does not hold the reservation gets error 6 and the current list",
          "[reserve][aoe-error]") {
    Scene scene;
    scene.client.ask(reserve_request(reserve_set, numbered(1, 2)));
    for (const Macs& wish : {Macs{scene.client.mac()}, Macs{}, numbered(1, 2)}) {
        const Reply reply = scene.client.ask(reserve_request(reserve_set, wish));
        CHECK(reply.byte_at(14) == 0x1C);
        CHECK(reply.error() == 6);
        CHECK(reply.rcmd() == reserve_set);
        CHECK(reply.holders() == numbered(1, 2));
    }
}

TEST_CASE("a forced reservation is always accepted", "[reserve]") {
    Scene scene;
    scene.client.ask(reserve_request(reserve_set, numbered(1, 2)));
    const Reply reply = scene.client.ask(reserve_request(reserve_force, numbered(5, 1)));
    CHECK(reply.byte_at(14) == 0x18);
    CHECK(reply.rcmd() == reserve_force);
    CHECK(reply.holders() == numbered(5, 1));
    CHECK(scene.client.ask(reserve_request(reserve_force)).holder_count() == 0);
    CHECK(scene.client.ask(read_request(0, 1)).succeeded());
}

TEST_CASE("a reservation set with no address releases the export", "[reserve]") {
    Scene scene;
    const Mac holder = numbered_mac(1);
    scene.client.ask(reserve_request(reserve_set, {holder}));
    CHECK(scene.client.ask(read_request(0, 1)).error() == 6);
    CHECK(scene.client.ask(reserve_request(reserve_set).from(holder)).holder_count() == 0);
    CHECK(scene.client.ask(read_request(0, 1)).succeeded());
}

TEST_CASE("a count of addresses beyond the frame and an unknown reservation sub-command get error 2",
          "[reserve][aoe-error]") {
    Scene scene;
    for (const unsigned count : {2u, 6u, 255u}) {
        Request request = reserve_request(reserve_set, numbered(1, 1));
        request.at(25) = static_cast<std::uint8_t>(count);
        CHECK(scene.client.ask(request).error() == 2);
    }
    Request half = reserve_request(reserve_force, numbered(1, 3));
    half.argument.resize(half.argument.size() - 1);
    CHECK(scene.client.ask(half).error() == 2);
    for (const std::uint8_t rcmd : {std::uint8_t{3}, std::uint8_t{255}})
        CHECK(scene.client.ask(reserve_request(rcmd, numbered(1, 1))).error() == 2);
    CHECK(scene.client.ask(reserve_request()).holder_count() == 0);
}

TEST_CASE("bytes after the addresses of a reservation are padding", "[reserve]") {
    Scene scene;
    Request request = reserve_request(reserve_set, numbered(1, 1));
    request.argument.resize(60 - 24, 0xED);
    CHECK(scene.client.ask(request).holders() == numbered(1, 1));
    Request release = reserve_request(reserve_set).from(numbered_mac(1));
    release.argument.resize(60 - 24, 0xED); // n = 0 with junk behind is still a release
    CHECK(scene.client.ask(release).holder_count() == 0);
}

TEST_CASE("an address that occurs twice in a reservation does no harm", "[reserve]") {
    Scene scene;
    const Mac twice = numbered_mac(1);
    const Reply reply = scene.client.ask(reserve_request(reserve_set, {twice, twice}));
    CHECK_FALSE(reply.is_error());
    for (const Mac& mac : reply.holders())
        CHECK(mac == twice);
    CHECK(scene.client.ask(read_request(0, 1).from(twice)).succeeded());
    CHECK(scene.client.ask(read_request(0, 1)).error() == 6);
}

TEST_CASE("248 holders of a reservation fit at MTU 1500, and all of them have access", "[reserve][mtu]") {
    Scene scene;
    const Macs many = numbered(1, 248);
    const Reply reply = scene.client.ask(reserve_request(reserve_set, many));
    CHECK(reply.holders() == many);
    CHECK(reply.bytes.size() == 26 + 6 * 248);
    CHECK(scene.client.ask(read_request(0, 1).from(many.back())).succeeded());
    CHECK(scene.client.ask(read_request(0, 1)).error() == 6);
}

TEST_CASE("255 holders of a reservation fit at MTU 9000", "[reserve][mtu]") {
    JumboScene scene(9000);
    const Macs many = numbered(1, 255);
    CHECK(scene.client.ask(reserve_request(reserve_set, many)).holders() == many);
    CHECK(scene.client.ask(read_request(0, 1).from(many.back())).succeeded());
}

TEST_CASE("no answer about a reservation is longer than the smallest interface can send", "[reserve][mtu]") {
    const VethPair& narrow = standard_wire();
    const VethPair wide("wide", 9000);
    const ImageFile image(64);
    RawClient narrow_client(narrow);
    RawClient wide_client(wide);
    const TargetProcess target({narrow.target_end(), wide.target_end()},
                               {export_argument(1, 1, image.path())});
    // As with masks there is a choice: refuse what the smallest interface cannot report, or keep it and say
    // there that it does not fit. A reply that is too long would be lost, and ask() would fail.
    const Reply set = wide_client.ask(reserve_request(reserve_set, numbered(1, 255)));
    const Reply narrow_list = narrow_client.ask(reserve_request());
    CHECK((set.error() == 2 || set.holder_count() == 255));
    CHECK((narrow_list.holder_count() <= 248 || narrow_list.is_error()));
    if (!set.is_error()) { // then it holds on every interface
        CHECK(narrow_client.ask(read_request(0, 1)).error() == 6);
        CHECK(narrow_client.ask(read_request(0, 1).from(numbered_mac(255))).succeeded());
    }
    CHECK(wide_client.ask(reserve_request(reserve_force, numbered(1, 248))).holder_count() == 248);
    CHECK(narrow_client.ask(reserve_request()).holders() == numbered(1, 248));
}

TEST_CASE("a reservation refuses with error 6 the commands that read or change the medium",
          "[reserve][ata][aoe-error]") {
    Scene scene;
    scene.client.ask(reserve_request(reserve_set, {numbered_mac(1)}));
    for (const std::uint8_t opcode : Opcodes{0x06, 0x20, 0x21, 0x24, 0x25, 0xC8, 0xC9, 0x30, 0x31, 0x34, 0x35,
                                             0x3D, 0xCA, 0xCB, 0x40, 0x41, 0x42, 0xEF}) {
        CAPTURE(static_cast<unsigned>(opcode));
        Request request = well_formed(opcode);
        const Reply reply = scene.client.ask(request);
        CHECK(reply.byte_at(14) == 0x1C);
        CHECK(reply.error() == 6);
        CHECK(reply.bytes.size() == 60);
        // The ATA registers are echoed.
        CHECK(reply.slice(24, 10) == Bytes(request.argument.begin(), request.argument.begin() + 10));
        const Reply from_holder = scene.client.ask(request.from(numbered_mac(1)));
        CHECK_FALSE(from_holder.is_error());
    }
}

TEST_CASE("a command that a reservation refuses has no effect", "[reserve][ata]") {
    Scene scene;
    scene.client.ask(reserve_request(reserve_set, {numbered_mac(1)}));
    for (const std::uint8_t opcode : Opcodes{0x06, 0x30, 0x31, 0x34, 0x35, 0x3D, 0xCA, 0xCB})
        CHECK(scene.client.ask(well_formed(opcode)).error() == 6);
    CHECK(scene.client.ask(read_request(0, 2).from(numbered_mac(1))).data() == pattern(0, 2));
}

TEST_CASE("a reservation leaves IDENTIFY and other harmless commands allowed", "[reserve][ata]") {
    Scene scene;
    scene.client.ask(reserve_request(reserve_set, {numbered_mac(1)}));
    for (const std::uint8_t opcode : Opcodes{0xEC, 0xE5, 0x98, 0xE7, 0xEA}) {
        CAPTURE(static_cast<unsigned>(opcode));
        const Reply reply = scene.client.ask(well_formed(opcode));
        CHECK_FALSE(reply.is_error());
        CHECK(reply.status() == status_good);
    }
    // Commands that need no reservation and have no success to show get an ATA answer, not error 6.
    for (const std::uint8_t opcode : Opcodes{0x00, 0xB0, 0x27, 0xF8, 0x2F, 0x47, 0x90, 0x91, 0xC6, 0xA1}) {
        CAPTURE(static_cast<unsigned>(opcode));
        CHECK_FALSE(scene.client.ask(well_formed(opcode)).is_error());
    }
}

TEST_CASE("a reservation leaves Query Config, Mask and Reserve allowed", "[reserve]") {
    Scene scene;
    scene.client.ask(reserve_request(reserve_set, {numbered_mac(1)}));
    CHECK_FALSE(scene.client.ask(config_request()).is_error());
    CHECK_FALSE(scene.client.ask(mask_request()).is_error());
    CHECK_FALSE(scene.client.ask(reserve_request()).is_error());
}

TEST_CASE("a reservation belongs to its export and holds on every interface", "[reserve]") {
    TwoPathScene scene;
    scene.one.ask(reserve_request(reserve_set, {scene.one.mac()}));
    CHECK(scene.one.ask(read_request(0, 1)).succeeded());
    CHECK(scene.other.ask(read_request(0, 1)).error() == 6);
    CHECK(scene.other.ask(read_request(0, 1).from(scene.one.mac())).succeeded());
    CHECK(scene.other.ask(reserve_request()).holders() == Macs{scene.one.mac()});
}

TEST_CASE("no write of a host that a reservation excludes reaches the disk after the reply",
          "[reserve][fence]") {
    for (const std::uint8_t rcmd : {reserve_set, reserve_force}) {
        Scene scene("durability=stable", 4096);
        const Mac fenced = numbered_mac(66);
        for (std::uint32_t round = 1; round <= 8; ++round) {
            std::vector<std::uint32_t> tags;
            for (std::uint64_t i = 0; i < 32; ++i)
                tags.push_back(
                    scene.client.send(write_request(2 * i, pattern(2 * i, 2, round)).from(fenced)));
            const Reply reserve = scene.client.ask(reserve_request(rcmd, {scene.client.mac()}));
            REQUIRE_FALSE(reserve.is_error());
            const Bytes at_the_reply = scene.image.read(0, 64);
            CHECK(scene.client.ask(write_request(0, pattern(0, 2, 999)).from(fenced)).error() == 6);
            scene.client.receive(Milliseconds(10));
            CHECK(scene.image.read(0, 64) == at_the_reply);
            // What was acknowledged before is there.
            for (std::uint64_t i = 0; i < 32; ++i) {
                const auto reply = scene.client.wait_for(tags[i], Milliseconds(0));
                if (reply && reply->succeeded())
                    CHECK(scene.client.read(2 * i, 2) == pattern(2 * i, 2, round));
            }
            REQUIRE_FALSE(scene.client.ask(reserve_request(reserve_set)).is_error());
        }
    }
}
