// The operator's word about an export, which initiators cannot change: who is allowed, what is fixed, which
// interfaces serve it.
#include "core_fixture.hpp"
#include "support/catch.hpp"

#include <set>

using namespace aoetest;
using namespace std::chrono_literals;

namespace {

const Mac stranger = numbered_mac(0x900);

aoetarget::MacPattern exactly(const Mac& mac) {
    return {to_mac(mac)};
}

/// All that begin as numbered_mac(0) to numbered_mac(255) do.
aoetarget::MacPattern first_numbers() {
    aoetarget::MacPattern pattern{to_mac(numbered_mac(0)), 5};
    pattern.address.bytes[5] = 0;
    return pattern;
}

Request wildcard(Request request) {
    request.destination = broadcast_mac;
    return request.to(every_shelf, every_slot);
}

/// Lets time pass, and returns the destinations of what was advertised.
std::multiset<Mac> advertised(CoreFixture& core) {
    for (int i = 0; i < 20; ++i) {
        core.now += 50ms;
        core.turn();
    }
    std::multiset<Mac> destinations;
    for (const CoreFixture::Answer& answer : core.take_advertisements())
        destinations.insert(answer.reply.destination());
    return destinations;
}

/// Checks that `mac` sees the export, or that nothing tells it that there is one.
void check_sees(CoreFixture& core, const Mac& mac, bool sees) {
    CAPTURE(mac.text(), sees);
    for (const Request& request :
         {config_request(), read_request(0, 1), identify_request(), mask_request(), reserve_request(),
          wildcard(config_request()), wildcard(identify_request())}) {
        if (sees)
            core.ask(Request(request).from(mac));
        else
            core.expect_silence(Request(request).from(mac));
    }
}

} // namespace

TEST_CASE("an export that allows some initiators does not exist for others", "[core][operator]") {
    CoreFixture core;
    core.add_export_with({.address = {1, 1}, .allow = {first_numbers(), exactly(numbered_mac(0x801))}},
                         geometry_of(8));
    check_sees(core, client_mac, true);
    check_sees(core, other_client_mac, true);
    check_sees(core, numbered_mac(0x801), true);
    check_sees(core, numbered_mac(0x802), false);
}

TEST_CASE("the mask list restricts the allowed initiators further, and admits no others",
          "[core][operator]") {
    CoreFixture core;
    core.add_export_with({.address = {1, 1}, .allow = {first_numbers()}}, geometry_of(8));
    core.ask(mask_request(mask_edit, {{directive_add, client_mac}, {directive_add, stranger}}));
    check_sees(core, client_mac, true);
    check_sees(core, other_client_mac, false);
    check_sees(core, stranger, false);
    advertised(core);
    core.ask(config_request(ccmd_set, "news"));
    CHECK(advertised(core) == std::multiset<Mac>{client_mac, client_mac, client_mac});
}

TEST_CASE("allowed initiators get an advertisement each, or a broadcast if a pattern names them",
          "[core][operator]") {
    CoreFixture core;
    advertised(core);
    SECTION("addresses alone") {
        core.add_export_with({.address = {1, 1}, .allow = {exactly(client_mac), exactly(other_client_mac)}},
                             geometry_of(8));
        const std::multiset<Mac> to = advertised(core);
        CHECK(to.size() == 6);
        CHECK(to.count(client_mac) == 3);
        CHECK(to.count(other_client_mac) == 3);
    }
    SECTION("a pattern") {
        core.add_export_with({.address = {1, 1}, .allow = {exactly(client_mac), first_numbers()}},
                             geometry_of(8));
        CHECK(advertised(core) == std::multiset<Mac>{broadcast_mac, broadcast_mac, broadcast_mac});
    }
}

TEST_CASE("a fixed export refuses changes, and answers questions", "[core][operator]") {
    CoreFixture core;
    core.add_export_with(
        {.address = {1, 1}, .mask_list = {to_mac(client_mac), to_mac(stranger)}, .fixed = true},
        geometry_of(8));
    for (const std::uint8_t command : {ccmd_set, ccmd_force}) {
        CHECK(core.ask(config_request(command, "mine")).error() == 4);
        CHECK(core.ask(config_request(command, "")).error() == 0); // that is what it is
    }
    CHECK(core.ask(config_request()).config_text().empty());

    const Reply edit = core.ask(mask_request(mask_edit, {{directive_delete, stranger}}));
    CHECK(edit.error() == 0);
    CHECK(edit.mask_error() == 1);
    CHECK(edit.mask_count() == 0);
    CHECK(core.ask(mask_request(mask_edit, {{directive_add, stranger}})).mask_error() == 0);
    CHECK(core.ask(mask_request()).mask_list() == std::vector{client_mac, stranger});

    for (const std::uint8_t command : {reserve_set, reserve_force})
        CHECK(core.ask(reserve_request(command, {client_mac})).error() == 6);
    CHECK(core.ask(reserve_request()).error() == 0);
    CHECK(core.ask(read_request(0, 1).from(stranger)).succeeded());
}

TEST_CASE("an interface serves an export under its alternative name, too", "[core][operator]") {
    CoreFixture core;
    core.link->other_name = "storage";
    core.add_export_with({.address = {1, 1}, .interfaces = {"storage"}}, geometry_of(8));
    CHECK(core.ask(config_request()).bytes.size() >= 60);
    CHECK(core.core.visible_addresses(core.link->id) == std::vector<aoetarget::Address>{{1, 1}});
    CHECK(core.core.visible_addresses({"eth0", "storage"}) == std::vector<aoetarget::Address>{{1, 1}});
    CHECK(core.core.visible_addresses({"eth0"}).empty());
}

TEST_CASE("an export that some interfaces serve does not exist on others", "[core][operator]") {
    CoreFixture core;
    FakeLink& second = core.add_link(); // eth1
    advertised(core);
    core.add_export_with({.address = {1, 1}, .interfaces = {"eth1", "vnet*"}}, geometry_of(8));
    core.add_export_with({.address = {1, 2}}, geometry_of(8));
    FakeLink& third = core.add_link(); // eth2
    for (int i = 0; i < 20; ++i) {
        core.now += 50ms;
        core.turn();
    }
    for (const CoreFixture::Answer& answer : core.take_advertisements())
        CHECK((answer.reply.slot() == 2 || answer.link == &second));
    const auto answers_to_wildcard = [&](FakeLink& link) {
        const std::uint32_t tag = core.send(link, wildcard(config_request()));
        core.turn();
        return core.replies(tag).size();
    };
    CHECK(answers_to_wildcard(second) == 2);
    CHECK(core.ask(second, read_request(0, 1)).succeeded());
    for (FakeLink* link : {core.link, &third}) {
        CHECK(answers_to_wildcard(*link) == 1);
        for (const Request& request :
             {config_request(), read_request(0, 1), mask_request(), reserve_request()}) {
            const std::uint32_t tag = core.send(*link, request);
            core.turn();
            CHECK_FALSE(core.answered(tag));
        }
    }
    CHECK(core.core.visible_addresses({"eth0"}) == std::vector<aoetarget::Address>{{1, 2}});
    CHECK(core.core.visible_addresses({"vnet7"}) == std::vector<aoetarget::Address>{{1, 1}, {1, 2}});

    core.remove_link(second);
    FakeLink& fourth = core.add_link(); // eth3, perhaps in the place of eth1
    CHECK(answers_to_wildcard(fourth) == 1);
}

TEST_CASE("an interface may have a buffer count of its own", "[core][operator]") {
    CoreFixture core({.buffer_count = 10, .slots = 512});
    FakeLink& second = core.add_link(1500, 512);
    core.link->pool().set_buffer_count(30);
    Disk& disk = core.add_export_with({.address = {1, 1}}, geometry_of(256));
    disk.immediate = false;
    CHECK(core.ask(config_request()).buffer_count() == 30);
    CHECK(core.ask(second, config_request()).buffer_count() == 10);
    const auto crowding_after = [&](FakeLink& link, unsigned requests) {
        const std::uint64_t before = core.stats().crowding;
        for (unsigned i = 0; i < requests; ++i)
            core.send(link, read_request(2 * i, 1));
        core.turn();
        const std::uint64_t more = core.stats().crowding - before;
        core.drain(disk);
        return more;
    };
    CHECK(crowding_after(*core.link, 30) == 0);
    CHECK(crowding_after(*core.link, 31) == 1);
    CHECK(crowding_after(second, 11) == 1);
}
