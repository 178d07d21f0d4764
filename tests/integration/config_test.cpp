// lib/protocol/README.md, "Command 1: Query Config": Query Config Information. Advertisements are in
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

TEST_CASE("the buffer count is 64 to 128 by default", "[query-config][buffer-count]") {
    Scene scene;
    const unsigned buffers = scene.client.ask(config_request()).buffer_count();
    CHECK(buffers >= 64);
    CHECK(buffers <= 128);
}

TEST_CASE("the firmware version is the same in every answer", "[query-config]") {
    Scene scene;
    const Reply first = scene.client.ask(config_request());
    Request odd = config_request();
    odd.at(26) = 0x77;
    CHECK(scene.client.ask(odd).firmware() == first.firmware());
    CHECK(scene.client.ask(config_request(ccmd_set, "x")).firmware() == first.firmware());
}

TEST_CASE("the advertised sector count follows from the MTU of the interface", "[query-config][mtu]") {
    const std::pair<unsigned, unsigned> table[] = {{1500, 2}, {4118, 7},  {4132, 8},  {4200, 8},
                                                   {8192, 8}, {9000, 16}, {9018, 16}, {16110, 24},
                                                   {1060, 2}, {1059, 1},  {576, 1}};
    for (const auto& [mtu, sectors] : table) {
        JumboScene scene(mtu);
        CAPTURE(mtu);
        CHECK(scene.client.ask(config_request()).sectors_per_frame() == sectors);
    }
}

TEST_CASE("the sectors per frame can be set by hand, and a longer request is served if it fits",
          "[query-config][mtu]") {
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

TEST_CASE("an answer carries AoE version 1 and the sub-command, whatever version the request names",
          "[query-config]") {
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

TEST_CASE("a config string of any bytes, up to 1024 of them, is stored and returned",
          "[query-config][config-string]") {
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

TEST_CASE("a config read is always answered and ignores the length and string of its request",
          "[query-config][config-string]") {
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

TEST_CASE("a config test is answered only if its argument is the whole string",
          "[query-config][config-string]") {
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

TEST_CASE("a config prefix test is answered only if its argument is a prefix of the string",
          "[query-config][config-string]") {
    Scene scene;
    CHECK_FALSE(scene.client.ask(config_request(ccmd_prefix)).is_error());
    scene.client.expect_silence(config_request(ccmd_prefix, "a"));
    set_string(scene, "abc");
    for (const char* prefix : {"", "a", "ab", "abc"})
        CHECK(scene.client.ask(config_request(ccmd_prefix, prefix)).config_text() == "abc");
    for (const char* other : {"b", "ac", "abcd", "abcc"})
        scene.client.expect_silence(config_request(ccmd_prefix, other));
}

TEST_CASE("a config set stores its argument where the string is empty", "[query-config][config-string]") {
    Scene scene;
    const Reply reply = scene.client.ask(config_request(ccmd_set, "first"));
    CHECK_FALSE(reply.is_error());
    CHECK(reply.config_text() == "first");
    CHECK(stored_string(scene) == "first");
}

TEST_CASE("a config set over another string is answered with error 4 and the current string",
          "[query-config][config-string]") {
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

TEST_CASE("a config force set replaces the string, and clears it with length 0",
          "[query-config][config-string]") {
    Scene scene;
    for (const char* text : {"first", "a longer second", "3", ""}) {
        const Reply reply = scene.client.ask(config_request(ccmd_force, text));
        CHECK_FALSE(reply.is_error());
        CHECK(reply.config_text() == text);
        CHECK(stored_string(scene) == text);
    }
    CHECK_FALSE(scene.client.ask(config_request(ccmd_set, "after clearing")).is_error());
}

TEST_CASE("unknown sub-commands of Query Config are answered with error 2 and the current values",
          "[query-config][aoe-error]") {
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

TEST_CASE("a config set of the same string again succeeds", "[query-config][config-string]") {
    Scene scene;
    for (int copy = 0; copy < 3; ++copy) { // a retransmitted set, the first answer was lost
        const Reply reply = scene.client.ask(config_request(ccmd_set, "mine"));
        CHECK_FALSE(reply.is_error());
        CHECK(reply.config_text() == "mine");
    }
}

TEST_CASE("a config set with an empty argument succeeds where the string is empty",
          "[query-config][config-string]") {
    Scene scene;
    CHECK_FALSE(scene.client.ask(config_request(ccmd_set)).is_error());
    CHECK_FALSE(scene.client.ask(config_request(ccmd_force)).is_error());
    CHECK(stored_string(scene).empty());
}

TEST_CASE(
    "a config string longer than its frame gets error 2, and nothing is stored or read beyond the frame",
    "[query-config][config-string]") {
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

TEST_CASE("a frame may be longer than its config string", "[query-config][config-string]") {
    Scene scene;
    Request aoecfg = config_request(ccmd_set, "short"); // always sends 1056 bytes
    aoecfg.argument.resize(1056 - 24, 0xED);
    CHECK(scene.client.ask(aoecfg).config_text() == "short");
    Request padded = config_request(ccmd_test, "short");
    padded.argument.resize(60 - 24, 0);
    CHECK(scene.client.ask(padded).config_text() == "short");
}

TEST_CASE("a reservation does not affect Query Config", "[query-config][reserve]") {
    Scene scene;
    scene.client.ask(reserve_request(reserve_set, {numbered_mac(1)}));
    CHECK_FALSE(scene.client.ask(config_request()).is_error());
    CHECK_FALSE(scene.client.ask(config_request(ccmd_set, "still")).is_error());
    CHECK(stored_string(scene) == "still");
}

TEST_CASE("the config string belongs to the export, not to an interface or client",
          "[query-config][config-string]") {
    TwoPathScene scene;
    scene.one.ask(config_request(ccmd_set, "shared"));
    CHECK(scene.other.ask(config_request()).config_text() == "shared");
    CHECK(scene.other.ask(config_request(ccmd_set, "mine").from(numbered_mac(3))).error() == 4);
}
