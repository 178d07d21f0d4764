// Advertisements that nobody asked for (protocol.md 3.1).
#include "core_fixture.hpp"
#include "support/catch.hpp"

using namespace aoetest;
using namespace std::chrono_literals;

namespace {

using Answers = std::vector<CoreFixture::Answer>;

std::size_t count(const Answers& answers, const std::function<bool(const CoreFixture::Answer&)>& wanted) {
    return static_cast<std::size_t>(std::count_if(answers.begin(), answers.end(), wanted));
}

/// Lets time pass, turning whenever the core asks for it.
Answers pass(CoreFixture& core, aoetarget::core::Time time) {
    const auto end = core.now + time;
    while (core.core.next_deadline() && *core.core.next_deadline() <= end) {
        core.now = std::max(core.now, *core.core.next_deadline());
        core.turn();
    }
    core.now = end;
    core.turn();
    return core.take_advertisements();
}

} // namespace

TEST_CASE("an export that has come is announced three times, 100 ms apart", "[core][announce]") {
    CoreFixture core;
    pass(core, 1s);
    CHECK_FALSE(core.core.next_deadline());
    core.add_export();
    core.turn();
    CHECK(core.take_advertisements().size() == 1);
    const auto start = core.now;
    for (int copy = 1; copy < 3; ++copy) {
        REQUIRE(core.core.next_deadline() == start + copy * 100ms);
        core.now = start + copy * 100ms - 1ns;
        core.turn();
        CHECK(core.take_advertisements().empty());
        core.now += 1ns;
        core.turn();
        CHECK(core.take_advertisements().size() == 1);
    }
    CHECK_FALSE(core.core.next_deadline());
    CHECK(pass(core, 1h).empty());
}

TEST_CASE("an announcement says what a query would", "[core][announce]") {
    CoreFixture core({.mtu = 9000});
    core.add_export(geometry_of(8), {300, 7});
    core.turn();
    const Reply announced = core.take_advertisements().at(0).reply;
    CHECK(announced.destination() == broadcast_mac);
    CHECK(announced.shelf() == 300);
    CHECK(announced.slot() == 7);
    const Reply asked = core.ask(config_request().to(300, 7));
    CHECK(announced.slice(24, 36) == asked.slice(24, 36));
    CHECK(announced.bytes.size() == 60);
}

TEST_CASE("an export is announced on every link that is up, with the numbers of that link",
          "[core][announce]") {
    CoreFixture core;
    FakeLink& jumbo = core.add_link(9000);
    FakeLink& down = core.add_link();
    down.up_now = false;
    pass(core, 1s);
    core.add_export();
    const Answers seen = pass(core, 1s);
    CHECK(count(seen, [&](const auto& each) {
              return each.link == core.link && each.reply.sectors_per_frame() == 2;
          }) == 3);
    CHECK(count(seen, [&](const auto& each) {
              return each.link == &jumbo && each.reply.sectors_per_frame() == 16;
          }) == 3);
    CHECK(seen.size() == 6);
}

TEST_CASE("a link that has come or changed gets every export", "[core][announce]") {
    CoreFixture core;
    for (const unsigned slot : {1U, 2U, 3U})
        core.add_export(geometry_of(8), address_of(1, slot));
    pass(core, 1s);
    FakeLink& second = core.add_link();
    Answers seen = pass(core, 1s);
    CHECK(seen.size() == 9);
    CHECK(count(seen, [&](const auto& each) { return each.link == &second; }) == 9);
    CHECK(count(seen, [](const auto& each) { return each.reply.slot() == 2; }) == 3);

    second.mtu_now = 1000;
    core.core.link_changed(second.id);
    seen = pass(core, 1s);
    CHECK(seen.size() == 9);
    CHECK(count(seen, [&](const auto& each) {
              return each.link == &second && each.reply.sectors_per_frame() == 1;
          }) == 9);
}

TEST_CASE("with a mask list the announcement goes to those on it alone", "[core][announce]") {
    CoreFixture core;
    pass(core, 1s);
    aoetarget::ExportOptions options;
    options.address = {1, 1};
    options.mask_list = {to_mac(client_mac), to_mac(other_client_mac)};
    core.add_export_with(options, geometry_of(8));
    const Answers seen = pass(core, 1s);
    CHECK(seen.size() == 6);
    for (const Mac& mac : {client_mac, other_client_mac})
        CHECK(count(seen, [&](const auto& each) { return each.reply.destination() == mac; }) == 3);
}

TEST_CASE("another config string is announced, the same one again is not", "[core][announce]") {
    CoreFixture core;
    core.add_export(geometry_of(8), {1, 1});
    core.add_export(geometry_of(8), {1, 2});
    pass(core, 1s);
    core.ask(config_request(ccmd_set, "owner"));
    const Answers seen = pass(core, 1s);
    CHECK(seen.size() == 3);
    CHECK(count(seen, [](const auto& each) {
              return each.reply.config_text() == "owner" && each.reply.slot() == 1;
          }) == 3);
    core.ask(config_request(ccmd_set, "owner"));
    core.ask(config_request(ccmd_force, "owner"));
    core.ask(config_request(ccmd_set, "thief"));
    core.ask(config_request(ccmd_test, "owner"));
    CHECK(pass(core, 1s).empty());
}

TEST_CASE("a change during the copies of the last starts them anew", "[core][announce]") {
    CoreFixture core;
    pass(core, 1s);
    core.add_export();
    pass(core, 50ms);
    core.ask(config_request(ccmd_set, "new"));
    const Answers seen = pass(core, 1s);
    CHECK(count(seen, [](const auto& each) { return each.reply.config_text() == "new"; }) == 3);
    CHECK(seen.size() == 3);
}

TEST_CASE("an export that has gone is not announced any more", "[core][announce]") {
    CoreFixture core;
    core.add_export();
    core.turn();
    core.take_advertisements();
    core.core.remove_export({1, 1});
    CHECK(pass(core, 1s).empty());
}

TEST_CASE("a target that is closing does not announce itself", "[core][announce]") {
    CoreFixture core;
    Disk& disk = core.add_export();
    disk.immediate = false;
    core.core.close();
    CHECK(pass(core, 1s).empty()); // initiators.md H7: another node may be taking over
    disk.complete();
    core.turn();
}

TEST_CASE("more changes than can be told apart announce everything", "[core][announce]") {
    CoreFixture core({.slots = 512});
    for (unsigned slot = 0; slot < 200; ++slot)
        core.add_export(geometry_of(8), address_of(1, slot));
    const Answers seen = pass(core, 1s);
    for (unsigned slot = 0; slot < 200; ++slot) {
        CAPTURE(slot);
        CHECK(count(seen, [&](const auto& each) { return each.reply.slot() == slot; }) >= 3);
    }
}

TEST_CASE("announcements that find no slot go on when there are some", "[core][announce]") {
    CoreFixture core({.slots = 4});
    core.link->slow = true;
    for (const unsigned slot : {1U, 2U, 3U, 4U, 5U, 6U})
        core.add_export(geometry_of(8), address_of(1, slot));
    core.turn();
    CHECK(core.take_advertisements().size() == 4);
    core.link->finish_sending();
    core.link->slow = false;
    const Answers seen = pass(core, 1s);
    for (const unsigned slot : {5U, 6U}) {
        CAPTURE(slot);
        CHECK(count(seen, [&](const auto& each) { return each.reply.slot() == slot; }) >= 3);
    }
}
