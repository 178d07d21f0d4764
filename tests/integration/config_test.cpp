// lib/protocol/README.md, "Command 1: Query Config": Query Config Information. Advertisements (3.1) are in
// advertise_test.cpp.
#include "catch.hpp"
#include "scene.hpp"

using namespace aoetest;

namespace {

std::string bytes_0_to_255(std::size_t length) {
    std::string text;
    for (std::size_t i = 0; i < length; ++i)
        text.push_back(static_cast<char>(i * 7 & 0xFF));
    return text;
}

void set_string(Scene& scene, const std::string& text) {
    const Reply reply = scene.client.ask(config_request(ccmd_force, text));
    REQUIRE_FALSE(reply.is_error());
    REQUIRE(reply.config_text() == text);
}

std::string stored_string(Scene& scene) {
    return scene.client.ask(config_request()).config_text();
}

} // namespace

TEST_CASE("protocol 3 row buffer count: at least 2, 64 to 128 by default", "[protocol-3][protocol-9]") {
    Scene scene;
    const unsigned buffers = scene.client.ask(config_request()).buffer_count();
    CHECK(buffers >= 64);
    CHECK(buffers <= 128);
}

TEST_CASE("protocol 3 row firmware version: the same in every answer", "[protocol-3]") {
    Scene scene;
    const Reply first = scene.client.ask(config_request());
    Request odd = config_request();
    odd.at(26) = 0x77;
    CHECK(scene.client.ask(odd).firmware() == first.firmware());
    CHECK(scene.client.ask(config_request(ccmd_set, "x")).firmware() == first.firmware());
}

TEST_CASE("protocol 3 row sector count: what fits a frame of the interface by section 7",
          "[protocol-3][protocol-7]") {
    const std::pair<unsigned, unsigned> table[] = {{1500, 2}, {4118, 7},  {4132, 8},  {4200, 8},
                                                   {8192, 8}, {9000, 16}, {9018, 16}, {16110, 24},
                                                   {1060, 2}, {1059, 1},  {576, 1}};
    for (const auto& [mtu, sectors] : table) {
        JumboScene scene(mtu);
        CAPTURE(mtu);
        CHECK(scene.client.ask(config_request()).sectors_per_frame() == sectors);
    }
}

TEST_CASE("protocol 7: sectors per frame by hand, and what is longer is served if it fits", "[protocol-7]") {
    const std::pair<const char*, unsigned> table[] = {{"1", 1}, {"17", 17}, {"255", 17}, {"auto", 16}};
    const VethPair wire("by-hand", 9000);
    const ImageFile image(64);
    for (const auto& [value, sectors] : table) {
        CAPTURE(value);
        TargetProcess target({wire.target_end() + ",sectors-per-frame=" + value},
                             {export_argument(1, 1, image.path())});
        RawClient client(wire);
        CHECK(client.ask(config_request()).sectors_per_frame() == sectors);
        CHECK(client.read(0, 17) == pattern(0, 17));
    }
}

TEST_CASE("protocol 3 row AoE ver / ccmd: 0x10 | ccmd comes back, the request's high nibble is ignored",
          "[protocol-3]") {
    Scene scene;
    for (const unsigned nibble : {0x00u, 0x10u, 0x20u, 0xF0u}) {
        Request request = config_request();
        request.at(29) = static_cast<std::uint8_t>(nibble);
        CHECK(scene.client.ask(request).byte_at(29) == 0x10);
        Request prefix = config_request(ccmd_prefix);
        prefix.at(29) = static_cast<std::uint8_t>(nibble | ccmd_prefix);
        CHECK(scene.client.ask(prefix).byte_at(29) == (0x10 | ccmd_prefix));
    }
}

TEST_CASE("protocol 3 rows config string and its length: any bytes up to 1024 are stored and returned",
          "[protocol-3]") {
    Scene scene;
    for (const std::size_t length : {std::size_t{0}, std::size_t{1}, std::size_t{27}, std::size_t{28},
                                     std::size_t{29}, std::size_t{1023}, std::size_t{1024}}) {
        const std::string text = bytes_0_to_255(length);
        CAPTURE(length);
        const Reply set = scene.client.ask(config_request(ccmd_force, text));
        CHECK(set.config_length() == length);
        CHECK(set.config_text() == text);
        CHECK(set.bytes.size() == std::max<std::size_t>(60, 32 + length));
        CHECK(stored_string(scene) == text);
    }
}

TEST_CASE("protocol 3 ccmd 0 read: always answered, the request's length and string are ignored",
          "[protocol-3]") {
    Scene scene;
    set_string(scene, "stored");
    Request aoeping = config_request(); // length field 1024 and 0xED bytes, 1056-byte frame
    aoeping.at(30) = 0x04;
    aoeping.argument.resize(1056 - 24, 0xED);
    CHECK(scene.client.ask(aoeping).config_text() == "stored");
    for (const std::uint16_t length : {std::uint16_t{1}, std::uint16_t{1025}, std::uint16_t{0xFFFF}}) {
        Request beyond = config_request(); // the length points beyond the frame
        beyond.at(30) = static_cast<std::uint8_t>(length >> 8);
        beyond.at(31) = static_cast<std::uint8_t>(length & 0xFF);
        const Reply reply = scene.client.ask(beyond);
        CHECK_FALSE(reply.is_error());
        CHECK(reply.config_text() == "stored");
    }
    CHECK(stored_string(scene) == "stored");
}

TEST_CASE("protocol 3 ccmd 1 test: answered only on an exact match, else silence", "[protocol-3]") {
    Scene scene;
    CHECK(scene.client.ask(config_request(ccmd_test)).config_text().empty());
    scene.client.expect_silence(config_request(ccmd_test, "a"));
    set_string(scene, "abc");
    CHECK(scene.client.ask(config_request(ccmd_test, "abc")).config_text() == "abc");
    for (const char* other : {"", "a", "ab", "abcd", "abd", "ABC"})
        scene.client.expect_silence(config_request(ccmd_test, other));
    const std::string binary("a\0b", 3);
    set_string(scene, binary);
    CHECK(scene.client.ask(config_request(ccmd_test, binary)).config_text() == binary);
    scene.client.expect_silence(config_request(ccmd_test, "a"));
}

TEST_CASE("protocol 3 ccmd 2 prefix test: answered only when the argument is a prefix, else silence",
          "[protocol-3]") {
    Scene scene;
    CHECK_FALSE(scene.client.ask(config_request(ccmd_prefix)).is_error());
    scene.client.expect_silence(config_request(ccmd_prefix, "a"));
    set_string(scene, "abc");
    for (const char* prefix : {"", "a", "ab", "abc"})
        CHECK(scene.client.ask(config_request(ccmd_prefix, prefix)).config_text() == "abc");
    for (const char* other : {"b", "ac", "abcd", "abcc"})
        scene.client.expect_silence(config_request(ccmd_prefix, other));
}

TEST_CASE("protocol 3 ccmd 3 set: stores into an empty string", "[protocol-3]") {
    Scene scene;
    const Reply reply = scene.client.ask(config_request(ccmd_set, "first"));
    CHECK_FALSE(reply.is_error());
    CHECK(reply.config_text() == "first");
    CHECK(stored_string(scene) == "first");
}

TEST_CASE("protocol 3 ccmd 3 set: over another string error 4, with the current string in the reply",
          "[protocol-3]") {
    Scene scene;
    set_string(scene, "first");
    for (const char* other : {"second", "", "firs", "first!"}) {
        const Reply reply = scene.client.ask(config_request(ccmd_set, other));
        CHECK(reply.byte_at(14) == 0x1C);
        CHECK(reply.error() == 4);
        CHECK(reply.config_text() == "first");
    }
    CHECK(stored_string(scene) == "first");
}

TEST_CASE("protocol 3 ccmd 4 force set: replaces, and with length 0 clears", "[protocol-3]") {
    Scene scene;
    for (const char* text : {"first", "a longer second", "3", ""}) {
        const Reply reply = scene.client.ask(config_request(ccmd_force, text));
        CHECK_FALSE(reply.is_error());
        CHECK(reply.config_text() == text);
        CHECK(stored_string(scene) == text);
    }
    CHECK_FALSE(scene.client.ask(config_request(ccmd_set, "after clearing")).is_error());
}

TEST_CASE("protocol 3 ccmd 5 and others: error 2 with the current values", "[protocol-3][protocol-9]") {
    Scene scene; // 5 is an undocumented extension of one vendor, unknown here
    set_string(scene, "kept");
    const Reply plain = scene.client.ask(config_request());
    for (std::uint8_t ccmd = 5; ccmd < 16; ++ccmd) {
        CAPTURE(static_cast<unsigned>(ccmd));
        const Reply reply = scene.client.ask(config_request(ccmd, "other"));
        CHECK(reply.byte_at(14) == 0x1C);
        CHECK(reply.error() == 2);
        CHECK(reply.buffer_count() == plain.buffer_count());
        CHECK(reply.sectors_per_frame() == plain.sectors_per_frame());
        CHECK(reply.config_text() == "kept");
    }
    CHECK(stored_string(scene) == "kept");
}

TEST_CASE("protocol 3 details: setting the same string again succeeds", "[protocol-3]") {
    Scene scene;
    for (int copy = 0; copy < 3; ++copy) { // a retransmitted set, the first answer was lost
        const Reply reply = scene.client.ask(config_request(ccmd_set, "mine"));
        CHECK_FALSE(reply.is_error());
        CHECK(reply.config_text() == "mine");
    }
}

TEST_CASE("protocol 3 details: set with an empty argument on an empty string is a success", "[protocol-3]") {
    Scene scene;
    CHECK_FALSE(scene.client.ask(config_request(ccmd_set)).is_error());
    CHECK_FALSE(scene.client.ask(config_request(ccmd_force)).is_error());
    CHECK(stored_string(scene).empty());
}

TEST_CASE("protocol 3 details, 9 row query with len > frame: error 2, nothing stored or read beyond",
          "[protocol-3][protocol-9]") {
    Scene scene;
    set_string(scene, "kept");
    for (const std::uint8_t ccmd : {ccmd_test, ccmd_prefix, ccmd_set, ccmd_force}) {
        CAPTURE(static_cast<unsigned>(ccmd));
        Request one_short = config_request(ccmd, "kept!");
        one_short.argument.pop_back(); // would match if the length were believed or cut
        CHECK(scene.client.ask(one_short).error() == 2);
        // Within the whole frame's length, but not within what follows offset 32.
        Request counts_header = config_request(ccmd, std::string(40, 'x'));
        counts_header.at(31) = 60;
        CHECK(scene.client.ask(counts_header).error() == 2);
        Request too_long = config_request(ccmd, std::string(1025, 'x'));
        CHECK(scene.client.ask(too_long).error() == 2);
        Request huge = config_request(ccmd, "x");
        huge.at(30) = 0xFF;
        huge.at(31) = 0xFF;
        CHECK(scene.client.ask(huge).error() == 2);
    }
    CHECK(stored_string(scene) == "kept");
}

TEST_CASE("protocol 3 details: a frame longer than its string is normal", "[protocol-3]") {
    Scene scene;
    Request aoecfg = config_request(ccmd_set, "short"); // always sends 1056 bytes
    aoecfg.argument.resize(1056 - 24, 0xED);
    CHECK(scene.client.ask(aoecfg).config_text() == "short");
    Request padded = config_request(ccmd_test, "short");
    padded.argument.resize(60 - 24, 0);
    CHECK(scene.client.ask(padded).config_text() == "short");
}

TEST_CASE("protocol 3 details: a reservation does not touch Query Config", "[protocol-3][protocol-5]") {
    Scene scene;
    scene.client.ask(reserve_request(reserve_set, {numbered_mac(1)}));
    CHECK_FALSE(scene.client.ask(config_request()).is_error());
    CHECK_FALSE(scene.client.ask(config_request(ccmd_set, "still")).is_error());
    CHECK(stored_string(scene) == "still");
}

TEST_CASE("protocol 3: the string belongs to the export, not to an interface or client", "[protocol-3]") {
    TwoPathScene scene;
    scene.one.ask(config_request(ccmd_set, "shared"));
    CHECK(scene.other.ask(config_request()).config_text() == "shared");
    CHECK(scene.other.ask(config_request(ccmd_set, "mine").from(numbered_mac(3))).error() == 4);
}
