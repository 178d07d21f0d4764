// lib/protocol/README.md, "Open questions": the rows that no other file's subject covers. Partial wildcards
// and ATA on a wildcard are in addressing_test.cpp, the query length and ccmd rows in config_test.cpp,
// reserve vs IDENTIFY in reserve_test.cpp.
#include "catch.hpp"
#include "scene.hpp"

using namespace aoetest;

TEST_CASE("versions 0 and 2 are answered with error 5", "[received-frame][aoe-error]") {
    Scene scene;
    Request request = read_request(0, 1);
    request.version = 0;
    CHECK(scene.client.ask(request).error() == 5);
    request.version = 2;
    CHECK(scene.client.ask(request).error() == 5);
}

TEST_CASE("an ATA request that lacks its last byte is dropped", "[received-frame]") {
    Scene scene;
    Request request = identify_request();
    request.argument.pop_back();
    scene.client.expect_silence(request);
}

TEST_CASE("sub-command 7 of Query Config is answered with error 2", "[query-config][aoe-error]") {
    Scene scene;
    CHECK(scene.client.ask(config_request(7)).error() == 2);
}

TEST_CASE("config string, mask list and reservation survive an interface that goes down and up",
          "[config-string][mask-list][reserve]") {
    // Over a restart of the process they need a state directory, which this command line does not offer.
    Scene scene;
    const Mac holder = numbered_mac(1);
    scene.client.ask(mask_request(mask_edit, {{directive_add, scene.client.mac()}, {directive_add, holder}}));
    scene.client.ask(reserve_request(reserve_set, {holder}));
    scene.client.ask(config_request(ccmd_set, "kept"));
    set_link(scene.wire.target_end(), false);
    set_link(scene.wire.target_end(), true);
    REQUIRE(scene.client.is_served_soon());
    CHECK(scene.client.ask(mask_request()).mask_count() == 2);
    CHECK(scene.client.ask(reserve_request()).holders() == std::vector{holder});
    CHECK(scene.client.ask(config_request()).config_text() == "kept");
    CHECK(scene.client.ask(read_request(0, 1)).error() == 6);
}

TEST_CASE("the count register of a success is 0", "[ata]") {
    Scene scene;
    CHECK(scene.client.ask(read_request(0, 2)).count() == 0);
    CHECK(scene.client.ask(write_request(0, pattern(0, 2))).count() == 0);
    CHECK(scene.client.ask(flush_request()).count() == 0);
}

TEST_CASE("the LBA registers of a request are echoed", "[ata]") {
    Scene scene;
    CHECK(scene.client.ask(read_request(0x0201, 2)).lba_registers() == Bytes{0x01, 0x02, 0, 0, 0, 0});
    CHECK(scene.client.ask(read_request(0x0201, 1, ata::read_sectors)).lba_registers() ==
          Bytes{0x01, 0x02, 0, 0xE0, 0, 0});
    CHECK(scene.client.ask(write_request(0x0203, pattern(0, 1))).lba_registers() ==
          Bytes{0x03, 0x02, 0, 0, 0, 0});
}

TEST_CASE("an unknown ATA command is answered with status 0x41 and ABRT", "[ata]") {
    Scene scene;
    const Reply reply = scene.client.ask(ata_request(0x80));
    CHECK(reply.byte_at(14) == 0x18);
    CHECK(reply.status() == 0x41);
    CHECK(reply.ata_error() == 0x04);
}

TEST_CASE("unknown AoE commands below 0xF0 are answered with error 1", "[received-frame][aoe-error]") {
    Scene scene;
    Request request = config_request();
    for (const std::uint8_t command : {std::uint8_t{4}, std::uint8_t{0x23}, std::uint8_t{0xEF}}) {
        request.command = command;
        CHECK(scene.client.ask(request).error() == 1);
    }
}

TEST_CASE("an unknown vendor command gets no answer", "[received-frame]") {
    Scene scene;
    Request request = config_request();
    request.command = 0xF3;
    scene.client.expect_silence(request);
}

TEST_CASE("the answer to a reservation read is padded with zeros to 60 bytes", "[answer]") {
    Scene scene;
    const Reply reply = scene.client.ask(reserve_request());
    REQUIRE(reply.bytes.size() == 60);
    CHECK(reply.slice(26, 34) == Bytes(34, 0));
}

TEST_CASE(
    "a flood beyond the buffer count is answered in part, with bounded memory, and the target still serves",
    "[buffer-count]") {
    Scene scene;
    const unsigned buffers = scene.client.ask(config_request()).buffer_count();
    scene.client.ask(read_request(0, 1));
    const std::size_t before = scene.target.resident_kib();
    std::vector<std::uint32_t> tags;
    for (unsigned i = 0; i < 5000; ++i)
        tags.push_back(scene.client.send(read_request(i % 2000, 2)));
    scene.client.receive(Milliseconds(300));
    std::size_t answered = 0;
    for (const std::uint32_t tag : tags)
        answered += scene.client.answers_to(tag);
    CHECK(answered >= buffers);
    CHECK(scene.client.read(7, 1) == pattern(7, 1));
    CHECK(scene.target.resident_kib() < before + 16 * 1024);
}

TEST_CASE("as many requests at once as the buffer count are all answered", "[buffer-count]") {
    // At 9000 a frame is charged to the socket's memory at many times what vblade reserves
    // (lib/net/README.md, "The receive buffer").
    for (const auto& [mtu, sectors] : {std::pair(1500u, 2u), std::pair(9000u, 17u)}) {
        JumboScene scene(mtu, "", 8192);
        const unsigned buffers = scene.client.ask(config_request()).buffer_count();
        for (int round = 0; round < 20; ++round) {
            std::vector<std::uint32_t> tags;
            for (unsigned i = 0; i < buffers; ++i) {
                const std::uint64_t lba = 20 * i;
                tags.push_back(
                    scene.client.send(i % 2 == 0 ? write_request(lba, pattern(lba, sectors))
                                                 : read_request(lba, static_cast<std::uint8_t>(sectors))));
            }
            for (const std::uint32_t tag : tags) {
                const std::optional<Reply> reply = scene.client.wait_for(tag);
                REQUIRE(reply);
                CHECK(reply->succeeded());
            }
        }
    }
}
