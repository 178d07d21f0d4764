// Command 1: Query Config (lib/protocol/README.md, "Command 1: Query Config").
#include "core_fixture.hpp"
#include "support/catch.hpp"

using namespace aoetest;

namespace {

constexpr std::uint8_t bad_argument = 2, string_present = 4;

} // namespace

TEST_CASE("the answer to a query gives the target's limits on the link of the query", "[core][config]") {
    CoreFixture core({.buffer_count = 100, .slots = 512});
    core.add_export();
    FakeLink& jumbo = core.add_link(9000);
    jumbo.buffers_now = 7;
    const Reply reply = core.ask(config_request());
    CHECK(reply.buffer_count() == 100);
    CHECK(reply.firmware() == 0x0102);
    CHECK(reply.sectors_per_frame() == 2);
    CHECK(reply.config_length() == 0);
    const Reply other = core.ask(jumbo, config_request());
    CHECK(other.sectors_per_frame() == 16);
    CHECK(other.buffer_count() == 7);
    jumbo.buffers_now = 0;
    CHECK(core.ask(jumbo, config_request()).buffer_count() == 2); // with less Linux would never send
}

TEST_CASE("the sector count follows the MTU, as far as slots allow", "[core][config]") {
    CoreFixture core;
    core.add_export();
    core.link->mtu_now = 1000;
    CHECK(core.ask(config_request()).sectors_per_frame() == 1);
    core.link->mtu_now = 9000; // the slots are those of 1500
    const std::size_t slot_mtu = core.link->pool().frame_capacity() - 14;
    const std::size_t sectors_per_slot = (slot_mtu - 36) / 512;
    CHECK(core.ask(config_request()).sectors_per_frame() == sectors_per_slot);
    core.link->mtu_now = 547; // not even one
    core.expect_silence(config_request());
}

TEST_CASE("no more requests are advertised than an export may hold", "[core][config]") {
    CoreFixture core({.buffer_count = 100, .slots = 64});
    core.add_export();
    CHECK(core.ask(config_request()).buffer_count() == 32 + (64 - 32) / 2);
    core.add_export(geometry_of(64), address_of(1, 2));
    CHECK(core.ask(config_request().to(1, 2)).buffer_count() == 16 + (64 - 2 * 17) / 2);
}

TEST_CASE("the values that a query has in the target's fields are ignored", "[core][config]") {
    CoreFixture core({.slots = 512});
    core.add_export();
    Request request = config_request();
    request.at(24) = request.at(26) = request.at(28) = 0xFF;
    request.at(29) = 0xF0; // some senders put a version here, others none
    CHECK(core.ask(request).buffer_count() == 128);
}

TEST_CASE("a read ignores its argument, even one that is not all there", "[core][config]") {
    CoreFixture core;
    core.add_export();
    core.ask(config_request(ccmd_set, "owner"));
    Request request = config_request();
    request.at(30) = request.at(31) = 0xFF;
    CHECK(core.ask(request).config_text() == "owner");
}

TEST_CASE("each config command does what the table says", "[core][config]") {
    enum class Answer { none, good, present, bad };
    struct Row {
        std::string stored;
        std::uint8_t ccmd;
        std::string argument;
        Answer answer;
        std::string stored_then;
    };
    const auto row = GENERATE(values<Row>({
        {"abc", ccmd_read, "xyz", Answer::good, "abc"},
        {"abc", ccmd_test, "abc", Answer::good, "abc"},
        {"abc", ccmd_test, "ab", Answer::none, "abc"},
        {"abc", ccmd_test, "abcd", Answer::none, "abc"},
        {"abc", ccmd_test, "", Answer::none, "abc"},
        {"", ccmd_test, "", Answer::good, ""},
        {"abc", ccmd_prefix, "abc", Answer::good, "abc"},
        {"abc", ccmd_prefix, "ab", Answer::good, "abc"},
        {"abc", ccmd_prefix, "", Answer::good, "abc"},
        {"abc", ccmd_prefix, "b", Answer::none, "abc"},
        {"abc", ccmd_prefix, "abcd", Answer::none, "abc"},
        {"", ccmd_prefix, "", Answer::good, ""},
        {"", ccmd_set, "abc", Answer::good, "abc"},
        {"", ccmd_set, "", Answer::good, ""},
        {"abc", ccmd_set, "abc", Answer::good, "abc"}, // a retransmission
        {"abc", ccmd_set, "abd", Answer::present, "abc"},
        {"abc", ccmd_set, "", Answer::present, "abc"},
        {"", ccmd_force, "abc", Answer::good, "abc"},
        {"abc", ccmd_force, "xyzzy", Answer::good, "xyzzy"},
        {"abc", ccmd_force, "", Answer::good, ""},
        {"abc", 5, "x", Answer::bad, "abc"},
        {"abc", 15, "", Answer::bad, "abc"},
    }));
    CAPTURE(row.stored, unsigned{row.ccmd}, row.argument);
    CoreFixture core;
    core.add_export();
    if (!row.stored.empty())
        core.ask(config_request(ccmd_force, row.stored));
    const Request request = config_request(row.ccmd, row.argument);
    if (row.answer == Answer::none) {
        core.expect_silence(request);
        CHECK_FALSE(core.acted_upon());
    } else {
        const Reply reply = core.ask(request);
        const std::uint8_t error = row.answer == Answer::present ? string_present
                                   : row.answer == Answer::bad   ? bad_argument
                                                                 : 0;
        CHECK(reply.error() == error);
        CHECK(reply.config_text() == row.stored_then); // with an error the current values are told as well
    }
    CHECK(core.ask(config_request()).config_text() == row.stored_then);
}

TEST_CASE("a string may have any bytes and up to 1024 of them", "[core][config]") {
    CoreFixture core;
    core.add_export();
    std::string text;
    for (int i = 0; i < 1024; ++i)
        text.push_back(static_cast<char>(i));
    const Reply reply = core.ask(config_request(ccmd_set, text));
    CHECK(reply.bytes.size() == 32 + 1024);
    CHECK(reply.config_text() == text);
    CHECK(core.ask(config_request(ccmd_force, text + "x")).error() == bad_argument);
    CHECK(core.ask(config_request()).config_text() == text);
}

TEST_CASE("a string that is not all in the frame is a bad argument", "[core][config]") {
    CoreFixture core;
    core.add_export();
    core.ask(config_request(ccmd_set, "abc"));
    Request request =
        config_request(GENERATE(values<std::uint8_t>({ccmd_test, ccmd_prefix, ccmd_set, ccmd_force})), "abc");
    request.at(31) = GENERATE(values<std::uint8_t>({4, 35})); // one more; as much as the whole frame
    CHECK(core.ask(request).error() == bad_argument);
    CHECK(core.ask(config_request()).config_text() == "abc");
}

TEST_CASE("bytes after the string in the frame are padding", "[core][config]") {
    CoreFixture core;
    core.add_export();
    Request request = config_request(ccmd_set, "abc");
    request.argument.resize(1032, 0xED);
    CHECK(core.ask(request).config_text() == "abc");
}

TEST_CASE("a string that an answer on this link could not carry is not stored through it", "[core][config]") {
    CoreFixture core({.mtu = 548});
    core.add_export();
    FakeLink& large = core.add_link(1500);
    const std::string text(700, 'x');
    Request request = config_request(ccmd_set, std::string(530, 'x'));
    request.at(30) = 700 >> 8;
    request.at(31) = 700 & 0xFF;
    CHECK(core.ask(request).error() == bad_argument);
    CHECK(core.ask(large, config_request(ccmd_set, text)).config_text() == text);
    const Reply untold = core.ask(config_request());
    CHECK(untold.error() == bad_argument);
    CHECK(untold.bytes.size() == 60);
}

TEST_CASE("each export has a string of its own", "[core][config]") {
    CoreFixture core;
    core.add_export(geometry_of(8), {1, 1});
    core.add_export(geometry_of(8), {1, 2});
    core.ask(config_request(ccmd_set, "one"));
    CHECK(core.ask(config_request().to(1, 2)).config_text().empty());
}
