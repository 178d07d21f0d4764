// lib/protocol/README.md, "AoE errors": which AoE error codes a target sends, and when it must not.
#include "catch.hpp"
#include "scene.hpp"

using namespace aoetest;

TEST_CASE("every unknown command from 4 to 0xEF gets error 1", "[aoe-error]") {
    Scene scene;
    for (unsigned command = 4; command < 0xF0; ++command) {
        Request request = config_request();
        request.command = static_cast<std::uint8_t>(command);
        const Reply reply = scene.client.ask(request);
        CAPTURE(command);
        CHECK(reply.byte_at(14) == 0x1C);
        CHECK(reply.error() == 1);
    }
    Request bare; // a header alone is a whole unknown command
    bare.command = 4;
    CHECK(scene.client.ask(bare).error() == 1);
}

TEST_CASE("vendor commands from 0xF0 to 0xFF get no answer", "[aoe-error]") {
    Scene scene;
    for (unsigned command = 0xF0; command <= 0xFF; ++command) {
        Request request = config_request();
        request.command = static_cast<std::uint8_t>(command);
        scene.client.send_unanswerable(request);
    }
    scene.client.settle();
}

TEST_CASE("bad arguments of the non-ATA commands get error 2", "[aoe-error]") {
    Scene scene;
    Request no_room_for_list = mask_request(mask_edit, {{directive_add, numbered_mac(1)}});
    no_room_for_list.argument.resize(4); // counts one directive and brings none
    Request no_room_for_holders = reserve_request(reserve_set, {numbered_mac(1)});
    no_room_for_holders.argument.resize(2);
    Request long_string = config_request(ccmd_set, "abc");
    long_string.argument.resize(8 + 2); // says 3, brings 2
    const Request cases[] = {
        config_request(6),  config_request(15),
        mask_request(2),    mask_request(0xFF),
        reserve_request(3), reserve_request(255),
        no_room_for_list,   no_room_for_holders,
        long_string,        config_request(ccmd_set, std::string(1025, 'x')),
    };
    for (const Request& request : cases) {
        CAPTURE(hex_dump(request.encode()));
        const Reply reply = scene.client.ask(request);
        CHECK(reply.is_error());
        CHECK(reply.error() == 2);
    }
    CHECK(scene.client.ask(config_request()).config_text().empty());
    CHECK(scene.client.ask(mask_request()).mask_count() == 0);
    CHECK(scene.client.ask(reserve_request()).holder_count() == 0);
}

TEST_CASE("a disk that fails for good gives an ATA error, not error 3", "[aoe-error]") {
    // Error 3 means `retry later` to an initiator. Nothing in the command line takes an export offline, so
    // the only thing to see from outside is that a lasting failure is an ATA error.
    Scene scene;
    scene.image.resize_bytes(16 * sector_bytes);
    const Reply read = scene.client.ask(read_request(100, 1));
    CHECK_FALSE(read.is_error());
    CHECK((read.status() & 0x01) != 0);
}

TEST_CASE("a config set over another string gets error 4", "[aoe-error]") {
    Scene scene;
    scene.client.ask(config_request(ccmd_set, "mine"));
    const Reply reply = scene.client.ask(config_request(ccmd_set, "yours"));
    CHECK(reply.byte_at(14) == 0x1C);
    CHECK(reply.error() == 4);
}

TEST_CASE("a wrong version gets error 5 in a request and no answer in a response", "[aoe-error]") {
    Scene scene;
    Request request = config_request();
    request.version = 0;
    CHECK(scene.client.ask(request).error() == 5);
    request.flags = flag_response;
    scene.client.expect_silence(request);
}

TEST_CASE("a reserved export answers ATA commands and reservation sets of other hosts with error 6",
          "[aoe-error][reserve]") {
    Scene scene;
    scene.client.ask(reserve_request(reserve_set, {numbered_mac(1)}));
    CHECK(scene.client.ask(read_request(0, 1)).error() == 6);
    CHECK(scene.client.ask(reserve_request(reserve_set, {scene.client.mac()})).error() == 6);
}

// Initiators differ in how they take an AoE error: Linux and macOS stall on it, illumos only logs it, iPXE
// and Plan 9 fail, Windows does not look. Hence every outcome of READ, WRITE and IDENTIFY is an ATA status.
TEST_CASE("the outcome of I/O is never an AoE error", "[aoe-error]") {
    Scene scene;
    Request short_write = write_request(0, pattern(0, 2));
    short_write.argument.resize(short_write.argument.size() - 1);
    Request identify_of_three = identify_request();
    identify_of_three.at(26) = 3;
    struct Case {
        const char* outcome;
        Request request;
        std::uint8_t status;
        std::uint8_t error;
    };
    const Case cases[] = {
        {"range", read_request(2048, 1), status_error, error_id_not_found},
        {"range of a write", write_request(2047, pattern(0, 2)), status_error, error_id_not_found},
        {"too many sectors", read_request(0, 200), status_error, error_abort},
        {"short payload", short_write, status_error, error_abort},
        {"count 0", read_request(0, 0), status_error, error_abort},
        {"unknown ATA command", ata_request(0x17), status_error, error_abort},
        {"odd IDENTIFY", identify_of_three, status_good, 0},
    };
    for (const Case& row : cases) {
        CAPTURE(row.outcome);
        const Reply reply = scene.client.ask(row.request);
        CHECK(reply.byte_at(14) == 0x18);
        CHECK(reply.status() == row.status);
        CHECK(reply.ata_error() == row.error);
    }
}

TEST_CASE("a write to a read-only export gets an ATA error, not an AoE error", "[aoe-error]") {
    Scene scene("read-only");
    const Reply reply = scene.client.ask(write_request(0, pattern(0, 1, 1)));
    CHECK(reply.byte_at(14) == 0x18);
    CHECK(reply.status() == status_error);
    CHECK(reply.ata_error() == error_abort);
}
