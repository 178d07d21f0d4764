// The header, the rules for every received frame, and how an answer is built (lib/protocol/README.md, "The
// common header", "Every received frame" and "Building an answer").
#include "catch.hpp"
#include "scene.hpp"

using namespace aoetest;

namespace {

// A request of each command, all of which get an answer from an idle target.
std::vector<Request> one_of_each_command() {
    return {identify_request(), config_request(), mask_request(), reserve_request()};
}

} // namespace

TEST_CASE("a reply goes to the sender of its request and comes from the interface's address", "[header]") {
    Scene scene;
    const Mac other = numbered_mac(7);
    for (Request request : one_of_each_command()) {
        const Reply reply = scene.client.ask(request.from(other));
        CHECK(reply.destination() == other);
        CHECK(reply.source() == scene.client.target_mac());
    }
}

TEST_CASE("a reply has Ethernet type 0x88A2", "[header]") {
    Scene scene;
    for (const Request& request : one_of_each_command())
        CHECK(scene.client.ask(request).ethernet_type() == 0x88A2);
}

TEST_CASE("a plain reply has version and flags 0x18, an AoE error 0x1C", "[header]") {
    Scene scene;
    for (const Request& request : one_of_each_command())
        CHECK(scene.client.ask(request).byte_at(14) == 0x18);
    CHECK(scene.client.ask(config_request(9)).byte_at(14) == 0x1C);
}

TEST_CASE("reserved flag bits of a request are ignored and not echoed", "[header]") {
    Scene scene;
    for (std::uint8_t bits = 1; bits <= 3; ++bits)
        for (Request request : one_of_each_command()) {
            request.flags = bits;
            CHECK(scene.client.ask(request).byte_at(14) == 0x18);
        }
}

TEST_CASE("the error code is 0 without the E flag, and the code of a request is ignored", "[header]") {
    Scene scene;
    for (Request request : one_of_each_command()) {
        request.error = 0x77;
        CHECK(scene.client.ask(request).error() == 0);
    }
    Request flagged = config_request();
    flagged.flags = flag_error; // an E flag on a request has no meaning
    CHECK(scene.client.ask(flagged).byte_at(14) == 0x18);
}

TEST_CASE("a reply carries the export's shelf and slot", "[header]") {
    const VethPair& wire = standard_wire();
    const ImageFile image(16);
    RawClient client(wire);
    client.set_sentinel(config_request().to(65534, 254));
    const TargetProcess target({wire.target_end()}, {export_argument(65534, 254, image.path())});
    for (Request request : one_of_each_command()) {
        const Reply reply = client.ask(request.to(65534, 254));
        CHECK(reply.shelf() == 65534);
        CHECK(reply.slot() == 254);
    }
}

TEST_CASE("a reply echoes the command, even in an error", "[header]") {
    Scene scene;
    for (const Request& request : one_of_each_command())
        CHECK(scene.client.ask(request).command() == request.command);
    Request unknown = config_request();
    unknown.command = 0x42;
    CHECK(scene.client.ask(unknown).command() == 0x42);
}

TEST_CASE("a reply echoes any tag bit for bit", "[header]") {
    Scene scene;
    for (const std::uint32_t tag :
         {0x00000001u, 0x80000000u, 0xFFFFFFFFu, 0x18AE0000u, 0x01020304u, 0x04030201u})
        for (Request request : one_of_each_command()) {
            const Reply reply = scene.client.ask(request.tagged(tag));
            CHECK(reply.tag() == tag);
            CHECK(reply.command() == request.command);
        }
    // Tag 0 is as good as any other for an ATA command (OpenBSD uses it).
    CHECK(scene.client.ask(identify_request().tagged(0)).tag() == 0);
}

TEST_CASE("the fixed argument of each command is enough without padding", "[header]") {
    Scene scene;
    const std::size_t lengths[] = {36, 32, 28, 26};
    std::size_t i = 0;
    for (const Request& request : one_of_each_command()) {
        REQUIRE(scene.client.completed(request).encode().size() == lengths[i++]);
        scene.client.ask(request);
    }
}

TEST_CASE("reserved bytes of a request are ignored and come back as zero", "[header]") {
    Scene scene;
    Request read = read_request(3, 1);
    read.at(34) = 0xAA;
    read.at(35) = 0x55;
    CHECK(scene.client.ask(read).data() == pattern(3, 1)); // reply_rules checks bytes 34-35
    Request aflags = read_request(3, 1);
    aflags.at(24) = static_cast<std::uint8_t>(aflags.at(24) | 0x2C);
    CHECK(scene.client.ask(aflags).data() == pattern(3, 1));
    Request config = config_request();
    config.at(24) = 0x12; // buffer count, firmware and sector count belong to the response
    config.at(27) = 0x34;
    config.at(28) = 17;
    config.at(29) = 0xF0;
    CHECK_FALSE(scene.client.ask(config).is_error());
    Request mask = mask_request();
    mask.at(24) = 0xEE;
    CHECK_FALSE(scene.client.ask(mask).is_error());
}

TEST_CASE("a frame shorter than 24 bytes is dropped", "[received-frame]") {
    Scene scene;
    for (std::size_t length = 14; length < 24; ++length) {
        Bytes frame = scene.client.completed(config_request()).encode();
        frame.resize(length);
        scene.client.send_bytes(frame);
    }
    scene.client.settle(); // any answer would have failed the test: nothing asked for it
    CHECK(scene.target.is_running());
}

TEST_CASE("a frame of another Ethernet type is dropped", "[received-frame]") {
    Scene scene;
    for (const std::uint16_t type : std::initializer_list<std::uint16_t>{0x88A1, 0x88A3, 0xA288, 0x0800})
        for (Request request : one_of_each_command()) {
            request.ethernet_type = type;
            scene.client.expect_silence(request);
        }
}

TEST_CASE("a frame to another host is dropped", "[received-frame]") {
    Scene scene;
    const VethPair& wire = scene.wire;
    for (Request request : one_of_each_command()) {
        request.destination = numbered_mac(0xBEEF);
        scene.client.expect_silence(request);
    }
    Request write = write_request(5, pattern(5, 1, 1));
    write.destination = numbered_mac(0xBEEF);
    scene.client.expect_silence(write);
    CHECK(scene.client.read(5, 1) == pattern(5, 1));
    CHECK(interface_exists(wire.target_end()));
}

TEST_CASE("a VLAN-tagged frame is dropped", "[received-frame]") {
    Scene scene;
    for (const std::uint16_t vlan : {std::uint16_t{1}, std::uint16_t{7}, std::uint16_t{4094}})
        for (const Request& plain : one_of_each_command()) {
            const Request request = scene.client.completed(plain);
            Bytes frame = request.encode();
            const Bytes tag{0x81, 0x00, static_cast<std::uint8_t>(vlan >> 8),
                            static_cast<std::uint8_t>(vlan & 0xFF)};
            frame.insert(frame.begin() + 12, tag.begin(), tag.end());
            scene.client.send_unanswerable_bytes(request, frame);
        }
    scene.client.settle();
}

TEST_CASE("a frame with the R flag is dropped", "[received-frame]") {
    Scene scene;
    for (const std::uint8_t flags : {flag_response, static_cast<std::uint8_t>(flag_response | flag_error)})
        for (Request request : one_of_each_command()) {
            request.flags = flags;
            scene.client.expect_silence(request);
        }
    Request write = write_request(5, pattern(5, 1, 1));
    write.flags = flag_response;
    scene.client.expect_silence(write);
    CHECK(scene.client.read(5, 1) == pattern(5, 1));
}

TEST_CASE("a frame to another shelf or slot is dropped", "[received-frame]") {
    Scene scene;
    const std::pair<std::uint16_t, std::uint8_t> others[] = {
        {2, 1},      {1, 2},      {0, 1},    {1, 0},           {0x0101, 1},
        {0x0100, 1}, {0xFFFE, 1}, {1, 0xFE}, {every_shelf, 2}, {2, every_slot}};
    for (const auto& [shelf, slot] : others)
        for (Request request : one_of_each_command())
            scene.client.expect_silence(request.to(shelf, slot));
}

TEST_CASE("a frame from a source that the mask list lacks is dropped, whatever its command",
          "[received-frame][mask-list]") {
    Scene scene;
    const Mac permitted = numbered_mac(1);
    scene.client.ask(mask_request(mask_edit, {{directive_add, permitted}}));
    scene.client.set_sentinel(config_request().from(permitted));
    for (const Request& request : one_of_each_command())
        scene.client.expect_silence(request);
    Request unknown = config_request();
    unknown.command = 9;
    scene.client.expect_silence(unknown);
    for (Request request : one_of_each_command())
        scene.client.ask(request.from(permitted));
}

TEST_CASE("a version other than 1 is answered with error 5", "[received-frame][aoe-error]") {
    Scene scene;
    for (std::uint8_t version = 0; version < 16; ++version) {
        if (version == 1)
            continue;
        for (Request request : one_of_each_command()) {
            request.version = version;
            const Reply reply = scene.client.ask(request);
            CHECK(reply.byte_at(14) == 0x1C);
            CHECK(reply.error() == 5);
        }
    }
    Request write = write_request(5, pattern(5, 1, 1));
    write.version = 2;
    CHECK(scene.client.ask(write).error() == 5);
    CHECK(scene.client.read(5, 1) == pattern(5, 1));
}

TEST_CASE("the version is judged before the command", "[received-frame][aoe-error]") {
    Scene scene;
    Request unknown = config_request();
    unknown.command = 0x10;
    CHECK(scene.client.ask(unknown).error() == 1);
    unknown.version = 3;
    CHECK(scene.client.ask(unknown).error() == 5);
}

TEST_CASE("a frame shorter than the minimum of its command is dropped", "[received-frame]") {
    Scene scene;
    for (const Request& plain : one_of_each_command()) {
        const Request request = scene.client.completed(plain);
        const Bytes whole = request.encode();
        for (std::size_t length = 24; length < whole.size(); ++length) {
            Request cut = request;
            cut.tag = scene.client.completed(plain).tag;
            Bytes frame = cut.encode();
            frame.resize(length);
            scene.client.send_unanswerable_bytes(cut, frame);
        }
    }
    scene.client.settle();
}

TEST_CASE("a frame that its R flag, address or source rules out gets no error for its version",
          "[received-frame]") {
    Scene scene;
    Request request = config_request();
    request.version = 2;
    request.flags = flag_response;
    scene.client.expect_silence(request);
    request.flags = 0;
    scene.client.expect_silence(request.to(2, 2));
    request.to(1, 1);
    const Mac permitted = numbered_mac(1);
    scene.client.ask(mask_request(mask_edit, {{directive_add, permitted}}));
    scene.client.set_sentinel(config_request().from(permitted));
    scene.client.expect_silence(request);
}

TEST_CASE("another version gets error 5 even in a frame too short for its command, or with a vendor command",
          "[received-frame][aoe-error]") {
    Scene scene;
    Request request = config_request();
    request.version = 2;
    request.argument.clear(); // 24 bytes: too short for any command
    CHECK(scene.client.ask(request).error() == 5);
    request.command = 0xF0;
    CHECK(scene.client.ask(request).error() == 5);
}

TEST_CASE("a frame from the target's own address or the all-zero address is answered", "[received-frame]") {
    Scene scene;
    for (const Mac& source : {scene.client.target_mac(), zero_mac})
        for (Request request : one_of_each_command())
            CHECK(scene.client.ask(request.from(source)).destination() == source);
}

TEST_CASE("a frame from a multicast or broadcast source is dropped", "[received-frame]") {
    Scene scene;
    for (const Mac& source : {broadcast_mac, Mac{{0x01, 0x00, 0x5E, 0, 0, 1}}, Mac{{0x33, 0x33, 0, 0, 0, 1}}})
        for (Request request : one_of_each_command())
            scene.client.expect_silence(request.from(source));
}

TEST_CASE("broadcast and unicast requests are treated alike", "[received-frame]") {
    Scene scene;
    for (Request request : one_of_each_command()) {
        const Reply unicast = scene.client.ask(request);
        request.destination = broadcast_mac;
        const Reply broadcast = scene.client.ask(request);
        CHECK(broadcast.slice(24, broadcast.bytes.size()) == unicast.slice(24, unicast.bytes.size()));
    }
    Request set = config_request(ccmd_set, "set by broadcast"); // as aoecfg does
    set.destination = broadcast_mac;
    CHECK(scene.client.ask(set).config_text() == "set by broadcast");
    Request write = write_request(9, pattern(9, 1, 1));
    write.destination = broadcast_mac;
    CHECK(scene.client.ask(write).succeeded());
    CHECK(scene.client.read(9, 1) == pattern(9, 1, 1));
}

TEST_CASE("the reply to a wildcard request carries the shelf and slot of the export", "[answer][wildcard]") {
    Scene scene;
    for (Request request : one_of_each_command()) {
        const Reply reply = scene.client.ask(request.to(every_shelf, every_slot));
        CHECK(reply.shelf() == 1);
        CHECK(reply.slot() == 1);
    }
}

TEST_CASE("a reply leaves through the interface of its request", "[answer]") {
    TwoPathScene scene;
    for (RawClient* client : {&scene.one, &scene.other})
        for (Request request : one_of_each_command()) {
            request.destination = broadcast_mac;
            // The client fails on a wrong source address; a stray answer on the other wire fails there.
            CHECK(client->ask(request).source() == client->target_mac());
        }
    // The very same source address on both wires: the arrival decides, not a table of addresses.
    const Mac roaming = numbered_mac(77);
    for (int round = 0; round < 3; ++round) {
        scene.one.ask(config_request().from(roaming));
        scene.other.ask(config_request().from(roaming));
        scene.other.ask(read_request(0, 1).from(roaming));
        scene.one.ask(read_request(0, 1).from(roaming));
    }
}

TEST_CASE("a short reply is padded to 60 bytes with zeros, not with bytes of the request", "[answer]") {
    Scene scene;
    for (Request request : one_of_each_command()) {
        if (request.command == command_ata)
            request = ata_request(ata::check_power_mode);
        request.argument.insert(request.argument.end(), 400, 0xED); // stale bytes to leak
        const Reply reply = scene.client.ask(request);
        CHECK(reply.bytes.size() == 60);
    }
    Request unknown = config_request();
    unknown.command = 0x42;
    unknown.argument.assign(200, 0xED);
    CHECK(scene.client.ask(unknown).bytes.size() == 60);
    Request old = config_request();
    old.version = 0;
    CHECK(scene.client.ask(old).bytes.size() == 60);
}

TEST_CASE("the padding of a reply shows no data of an earlier one", "[answer]") {
    Scene scene;
    for (int round = 0; round < 200; ++round) { // every slot of the target has held data by then
        CHECK(scene.client.read(static_cast<std::uint64_t>(round), 2).size() == 1024);
        CHECK(scene.client.ask(mask_request()).bytes.size() == 60);
    }
}

TEST_CASE("a reply that carries data is not padded", "[answer]") {
    Scene scene;
    CHECK(scene.client.ask(read_request(0, 1)).bytes.size() == 548);
    CHECK(scene.client.ask(read_request(0, 2)).bytes.size() == 1060);
    CHECK(scene.client.ask(identify_request()).bytes.size() == 548);
    CHECK(scene.client.ask(config_request(ccmd_set, std::string(333, 'x'))).bytes.size() == 365);
}
