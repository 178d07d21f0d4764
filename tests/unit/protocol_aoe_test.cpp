// The AoE header and the commands other than ATA, against frames that the test client encodes by itself.
#include "protocol/aoe.hpp"
#include "support/catch.hpp"
#include "support/wire.hpp"

using namespace aoetarget::protocol;
using aoetarget::Address;
using aoetarget::MacAddress;
using aoetest::numbered_mac;

namespace {

aoetarget::ConstBytes view(const aoetest::Bytes& bytes) {
    return std::as_bytes(std::span(bytes));
}
aoetarget::Bytes view(aoetest::Bytes& bytes) {
    return std::as_writable_bytes(std::span(bytes));
}
MacAddress to_mac(const aoetest::Mac& mac) {
    return {mac.octets};
}

aoetest::Request sample_request() {
    aoetest::Request request;
    request.destination = numbered_mac(1);
    request.source = numbered_mac(2);
    request.shelf = 0x1234;
    request.slot = 0x56;
    request.command = 3;
    request.tag = 0x89ABCDEF;
    return request;
}

} // namespace

TEST_CASE("every field of the header is read from its place", "[header]") {
    const auto header = Header::parse(view(sample_request().encode()));
    REQUIRE(header);
    CHECK(header->destination == to_mac(numbered_mac(1)));
    CHECK(header->source == to_mac(numbered_mac(2)));
    CHECK(header->ethertype == 0x88A2);
    CHECK(header->version == 1);
    CHECK_FALSE(header->response);
    CHECK(header->error == AoeError::none);
    CHECK(header->shelf == 0x1234);
    CHECK(header->slot == 0x56);
    CHECK(header->command == 3);
    CHECK(header->tag == 0x89ABCDEF);
    CHECK(get_tag(view(sample_request().encode())) == 0x89ABCDEF);
}

TEST_CASE("a frame shorter than the header has none", "[header]") {
    aoetest::Bytes frame = sample_request().encode();
    REQUIRE(frame.size() == aoe_header_bytes);
    for (std::size_t length = 0; length < aoe_header_bytes; ++length)
        CHECK_FALSE(Header::parse(view(frame).first(length)));
}

TEST_CASE("the error byte counts only with the E flag", "[header]") {
    aoetest::Request request = sample_request();
    request.error = 6;
    CHECK(Header::parse(view(request.encode()))->error == AoeError::none);
    request.flags = aoetest::flag_error;
    CHECK(Header::parse(view(request.encode()))->error == AoeError::target_is_reserved);
}

TEST_CASE("reserved flag bits are ignored", "[header]") {
    aoetest::Request request = sample_request();
    request.flags = 0x03;
    const auto header = Header::parse(view(request.encode()));
    REQUIRE(header);
    CHECK(header->version == 1);
    CHECK_FALSE(header->response);
    CHECK(header->error == AoeError::none);
}

TEST_CASE("a header is written as it was read", "[header]") {
    const unsigned error = GENERATE(0u, 1u, 2u, 3u, 4u, 5u, 6u);
    Header header;
    header.destination = to_mac(numbered_mac(9));
    header.source = to_mac(numbered_mac(8));
    header.response = true;
    header.error = static_cast<AoeError>(error);
    header.shelf = 0xFEDC;
    header.slot = 0xBA;
    header.command = 1;
    header.tag = 0x01020304;
    aoetest::Reply written{aoetest::Bytes(aoe_header_bytes, 0xEE)};
    header.write(view(written.bytes));
    CHECK(written.byte_at(14) == (error == 0 ? 0x18 : 0x1C));
    CHECK(written.error() == error);
    CHECK(written.ethernet_type() == 0x88A2);
    CHECK(written.destination() == numbered_mac(9));
    CHECK(written.source() == numbered_mac(8));
    CHECK(written.shelf() == 0xFEDC);
    CHECK(written.slot() == 0xBA);
    CHECK(written.command() == 1);
    CHECK(written.tag() == 0x01020304);
}

TEST_CASE("the two wildcards are independent", "[header]") {
    struct Row {
        std::uint16_t shelf;
        std::uint8_t slot;
        bool wildcard;
        bool matches; // e1.2
    };
    const auto row = GENERATE(values<Row>({{1, 2, false, true},
                                           {1, 3, false, false},
                                           {2, 2, false, false},
                                           {0xFFFF, 2, true, true},
                                           {0xFFFF, 3, true, false},
                                           {1, 0xFF, true, true},
                                           {2, 0xFF, true, false},
                                           {0xFFFF, 0xFF, true, true},
                                           {0xFF, 0xFF, true, false},
                                           {0xFF01, 2, false, false}}));
    Header header;
    header.shelf = row.shelf;
    header.slot = row.slot;
    CAPTURE(row.shelf, row.slot);
    CHECK(header.is_wildcard() == row.wildcard);
    CHECK(header.addresses(Address{1, 2}) == row.matches);
}

TEST_CASE("the advertised sector count follows the conservative formula", "[header]") {
    struct Row {
        unsigned mtu, sectors;
    };
    const auto row = GENERATE(values<Row>({{0, 0},
                                           {35, 0},
                                           {547, 0},
                                           {548, 1},
                                           {1059, 1},
                                           {1060, 2},
                                           {1500, 2},
                                           {4118, 7},
                                           {4132, 8},
                                           {4200, 8},
                                           {8192, 15},
                                           {9000, 17},
                                           {9018, 17},
                                           {16110, 31},
                                           {65536, 127},
                                           {130596, 255},
                                           {200000, 255},
                                           {~0U, 255}}));
    CAPTURE(row.mtu);
    CHECK(sectors_fitting(row.mtu) == row.sectors);
}

TEST_CASE("more sectors than 4 KiB are rounded down to whole 4 KiB", "[config]") {
    const std::pair<unsigned, unsigned> table[] = {{0, 0},  {2, 2},   {7, 7},   {8, 8},     {9, 8},
                                                   {15, 8}, {16, 16}, {17, 16}, {127, 120}, {255, 248}};
    for (const auto& [fitting, advertised] : table)
        CHECK(aligned_sectors(fitting) == advertised);
}

TEST_CASE("the fixed part of Query Config is read and written", "[config]") {
    aoetest::Bytes frame = aoetest::config_request(aoetest::ccmd_set, "hello").encode();
    frame[24] = 0x12, frame[25] = 0x34, frame[26] = 0x56, frame[27] = 0x78, frame[28] = 0x9A;
    frame[29] = 0xF3; // the version nibble is nobody's business
    const auto query = QueryConfig::parse(view(frame));
    REQUIRE(query);
    CHECK(query->buffer_count == 0x1234);
    CHECK(query->firmware_version == 0x5678);
    CHECK(query->sectors_per_frame == 0x9A);
    CHECK(query->command == 3);
    CHECK(query->string_length == 5);
    for (std::size_t length = 0; length < query_config_bytes; ++length)
        CHECK_FALSE(QueryConfig::parse(view(frame).first(length)));
    CHECK(QueryConfig::parse(view(frame).first(query_config_bytes)));

    aoetest::Reply written{aoetest::Bytes(query_config_bytes, 0xEE)};
    query->write(view(written.bytes));
    CHECK(written.buffer_count() == 0x1234);
    CHECK(written.firmware() == 0x5678);
    CHECK(written.sectors_per_frame() == 0x9A);
    CHECK(written.byte_at(29) == 0x13);
    CHECK(written.config_length() == 5);
}

TEST_CASE("a string length beyond the frame is reported, not believed", "[config]") {
    aoetest::Bytes frame = aoetest::config_request().encode();
    frame[30] = frame[31] = 0xFF;
    CHECK(QueryConfig::parse(view(frame))->string_length == 0xFFFF);
}

TEST_CASE("a mask list and its directives are read and written", "[mask]") {
    const aoetest::Bytes frame =
        aoetest::mask_request(aoetest::mask_edit, {{aoetest::directive_add, numbered_mac(1)},
                                                   {aoetest::directive_delete, numbered_mac(2)}})
            .encode();
    const auto list = MaskList::parse(view(frame));
    REQUIRE(list);
    CHECK(list->command == 1);
    CHECK(list->error == MaskError::none);
    CHECK(list->directive_count == 2);
    CHECK(list->is_complete(view(frame)));
    CHECK_FALSE(list->is_complete(view(frame).first(frame.size() - 1)));
    CHECK(MaskDirective::parse(view(frame), 0).command == 1);
    CHECK(MaskDirective::parse(view(frame), 0).mac == to_mac(numbered_mac(1)));
    CHECK(MaskDirective::parse(view(frame), 1).command == 2);
    CHECK(MaskDirective::parse(view(frame), 1).mac == to_mac(numbered_mac(2)));
    for (std::size_t length = 0; length < mask_list_bytes; ++length)
        CHECK_FALSE(MaskList::parse(view(frame).first(length)));

    aoetest::Reply written{aoetest::Bytes(mask_list_bytes + 2 * mask_directive_bytes, 0xEE)};
    MaskList{.command = 1, .error = MaskError::list_full, .directive_count = 2}.write(view(written.bytes));
    MaskDirective{.mac = to_mac(numbered_mac(3))}.write(view(written.bytes), 0);
    MaskDirective{.command = 2, .mac = to_mac(numbered_mac(4))}.write(view(written.bytes), 1);
    CHECK(written.byte_at(24) == 0);
    CHECK(written.mcmd() == 1);
    CHECK(written.mask_error() == 3);
    CHECK(written.mask_list() == std::vector{numbered_mac(3), numbered_mac(4)});
    CHECK(written.word_at(28) == 0);
    CHECK(written.word_at(36) == 2);
}

TEST_CASE("the largest mask list that can be counted needs all its bytes", "[mask]") {
    const MaskList list{.command = 1, .directive_count = 255};
    const aoetest::Bytes frame(28 + 8 * 255, 0);
    CHECK(list.is_complete(view(frame)));
    CHECK_FALSE(list.is_complete(view(frame).first(frame.size() - 1)));
}

TEST_CASE("a reservation is read and written", "[reserve]") {
    const aoetest::Bytes frame =
        aoetest::reserve_request(aoetest::reserve_force, {numbered_mac(1), numbered_mac(2)}).encode();
    const auto reserve = Reserve::parse(view(frame));
    REQUIRE(reserve);
    CHECK(reserve->command == 2);
    CHECK(reserve->mac_count == 2);
    CHECK(reserve->is_complete(view(frame)));
    CHECK_FALSE(reserve->is_complete(view(frame).first(frame.size() - 1)));
    for (std::size_t length = 0; length < reserve_bytes; ++length)
        CHECK_FALSE(Reserve::parse(view(frame).first(length)));

    aoetest::Reply written{aoetest::Bytes(reserve_bytes, 0xEE)};
    reserve->write(view(written.bytes));
    CHECK(written.rcmd() == 2);
    CHECK(written.holder_count() == 2);
}
