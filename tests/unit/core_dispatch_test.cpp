// The checks of every received frame, in the order of lib/protocol/README.md, "Every received frame".
#include "core_fixture.hpp"
#include "support/catch.hpp"

using namespace aoetest;

namespace {

constexpr std::uint8_t error_unrecognised = 1, error_version = 5;

Request with_version(Request request, unsigned version) {
    request.version = static_cast<std::uint8_t>(version);
    return request;
}

} // namespace

TEST_CASE("a frame shorter than the header is dropped", "[core][dispatch]") {
    CoreFixture core;
    core.add_export();
    const Bytes frame = core.complete(*core.link, config_request()).encode();
    for (std::size_t length = 0; length < 24; ++length)
        CHECK_FALSE(core.send_bytes(
            *core.link, Bytes(frame.begin(), frame.begin() + static_cast<std::ptrdiff_t>(length))));
    CHECK(core.answers() == 0);
}

TEST_CASE("a frame of another Ethernet type is dropped", "[core][dispatch]") {
    CoreFixture core;
    core.add_export();
    Request request = config_request();
    request.ethernet_type = GENERATE(values<std::uint16_t>({0x8100, 0x0800, 0xA288}));
    core.expect_silence(request);
    CHECK_FALSE(core.acted_upon());
}

TEST_CASE("a response is dropped, whatever else it is", "[core][dispatch]") {
    CoreFixture core;
    core.add_export();
    Request request = GENERATE(config_request(), identify_request(), mask_request(), reserve_request(),
                               with_version(config_request(), 2));
    request.flags = GENERATE(values<std::uint8_t>({flag_response, flag_response | flag_error}));
    core.expect_silence(request);
    CHECK_FALSE(core.acted_upon());
}

TEST_CASE("a frame whose source is multicast is dropped", "[core][dispatch]") {
    CoreFixture core;
    core.add_export();
    core.expect_silence(
        config_request().from(GENERATE(values<Mac>({broadcast_mac, {{0x01, 0, 0x5E, 0, 0, 1}}}))));
    CHECK_FALSE(core.acted_upon());
}

TEST_CASE("a frame from nobody or from our own address is answered, as on lo", "[core][dispatch]") {
    CoreFixture core;
    core.add_export();
    CHECK(core.ask(config_request().from(zero_mac)).destination() == zero_mac);
    CHECK(core.ask(config_request().from(core.link->address)).destination() == core.link->address);
}

TEST_CASE("a frame for another export is dropped", "[core][dispatch]") {
    CoreFixture core;
    core.add_export(geometry_of(8), {7, 9});
    const auto [shelf, slot] = GENERATE(table<std::uint16_t, std::uint8_t>(
        {{7, 8}, {8, 9}, {9, 7}, {every_shelf, 8}, {8, every_slot}, {0x0700, 9}}));
    core.expect_silence(config_request().to(shelf, slot));
    CHECK_FALSE(core.acted_upon());
    CHECK(core.ask(config_request().to(7, 9)).shelf() == 7);
}

TEST_CASE("a source that the mask list leaves out gets silence for every command", "[core][dispatch]") {
    CoreFixture core;
    aoetarget::ExportOptions options;
    options.address = {1, 1};
    options.mask_list = {to_mac(other_client_mac)};
    core.add_export_with(options, geometry_of(8));
    Request unknown = config_request();
    unknown.command = 77;
    const Request request = GENERATE_COPY(config_request(), identify_request(), mask_request(),
                                          reserve_request(), with_version(config_request(), 0), unknown);
    core.expect_silence(request);
    CHECK_FALSE(core.acted_upon());
    CHECK(core.ask(config_request().from(other_client_mac)).is_error() == false);
}

TEST_CASE("another version gets error 5, before the command is looked at", "[core][dispatch]") {
    CoreFixture core;
    core.add_export();
    const unsigned version = GENERATE(0u, 2u, 15u);
    Request request = GENERATE(config_request(), read_request(0, 1), mask_request(), reserve_request());
    if (GENERATE(false, true))
        request.command = 200; // unknown
    request.version = static_cast<std::uint8_t>(version);
    const Reply reply = core.ask(request);
    CHECK(reply.is_error());
    CHECK(reply.error() == error_version);
    CHECK(core.stats().aoe_errors == 1);
}

TEST_CASE("another version gets error 5, before the length of the command is looked at", "[core][dispatch]") {
    CoreFixture core;
    core.add_export();
    Request request = with_version(identify_request(), 3);
    request.argument.clear();
    CHECK(core.ask(request).error() == error_version);
}

TEST_CASE("an unknown command gets error 1, an unknown vendor command silence", "[core][dispatch]") {
    CoreFixture core;
    core.add_export();
    for (unsigned command = 4; command < 256; ++command) {
        CAPTURE(command);
        Request request = config_request();
        request.command = static_cast<std::uint8_t>(command);
        if (command >= 0xF0) {
            core.expect_silence(request);
            CHECK_FALSE(core.acted_upon());
        } else {
            CHECK(core.ask(request).error() == error_unrecognised);
            CHECK(core.acted_upon());
        }
    }
}

TEST_CASE("a frame shorter than its command needs is dropped, one just long enough answered",
          "[core][dispatch]") {
    struct Row {
        Request request;
        std::size_t minimum;
    };
    const Row row = GENERATE(values<Row>(
        {{identify_request(), 36}, {config_request(), 32}, {mask_request(), 28}, {reserve_request(), 26}}));
    CAPTURE(unsigned{row.request.command});
    CoreFixture core;
    core.add_export();
    Bytes frame = core.complete(*core.link, row.request).encode();
    REQUIRE(frame.size() == row.minimum);
    while (frame.size() > 24) {
        frame.pop_back();
        CHECK_FALSE(core.send_bytes(*core.link, frame));
    }
    CHECK(core.answers() == 0);
    CHECK_FALSE(core.ask(row.request).is_error());
}

TEST_CASE("reserved bits and bytes of a request are ignored and not sent back", "[core][dispatch]") {
    CoreFixture core;
    core.add_export();
    Request request = identify_request();
    request.flags = 0x03;
    request.error = 0x77;
    request.at(34) = request.at(35) = 0xFF;
    CHECK(core.ask(request).succeeded());

    Request mask = mask_request();
    mask.at(24) = 0xFF;
    mask.at(26) = 0xFF;
    CHECK_FALSE(core.ask(mask).is_error());
}

TEST_CASE("an answer leaves by the link of its request, with that link's address", "[core][dispatch]") {
    CoreFixture core;
    core.add_export();
    FakeLink& second = core.add_link(9000);
    const std::uint32_t one = core.send(*core.link, config_request());
    const std::uint32_t two = core.send(second, config_request());
    const std::uint32_t three = core.send(second, read_request(0, 2));
    core.turn();
    CHECK(core.take(one).at(0).link == core.link);
    CHECK(core.take(two).at(0).link == &second);
    CHECK(core.take(three).at(0).link == &second);
}

TEST_CASE("after close() nothing is taken any more", "[core][dispatch]") {
    CoreFixture core;
    core.add_export();
    core.core.close();
    core.turn();
    core.expect_silence(config_request());
    CHECK_FALSE(core.acted_upon());
}
