// Unsolicited advertisements (lib/protocol/README.md, "Advertisements").
#include "core_fixture.hpp"
#include "support/catch.hpp"

#include <set>

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

TEST_CASE("a link may advertise regularly", "[core][announce]") {
    CoreFixture core;
    core.add_export();
    FakeLink& regular = core.add_link();
    core.remove_link(regular);
    regular.up_now = true;
    regular.advertise_every(10s);
    regular.id = core.core.add_link(regular, 64);
    pass(core, 5s);
    const Answers seen = pass(core, 100s);
    CHECK(count(seen, [&](const auto& each) { return each.link == &regular; }) == 30);
    CHECK(seen.size() == 30);
    core.core.remove_link(regular.id);
    CHECK(pass(core, 100s).empty());
    CHECK_FALSE(core.core.next_deadline());
}

TEST_CASE("a new initiator that broadcasts brings an advertisement, at most once a second",
          "[core][announce]") {
    CoreFixture core;
    core.add_export();
    FakeLink& other = core.add_link();
    pass(core, 2s);
    const auto broadcast = [&](unsigned initiator, Request request) {
        request.destination = broadcast_mac;
        core.send(request.from(numbered_mac(initiator)));
        core.turn();
    };
    broadcast(100, config_request());
    CHECK(core.take_advertisements().size() == 1); // at once
    broadcast(101, read_request(0, 1));
    broadcast(102, config_request().to(every_shelf, every_slot));
    CHECK(pass(core, 900ms).size() == 2); // the copies of the first
    Answers seen = pass(core, 2s);
    CHECK(seen.size() == 3);
    CHECK(count(seen, [&](const auto& each) { return each.link == &other; }) == 0);

    for (const unsigned known : {100U, 101U, 102U})
        broadcast(known, config_request());
    CHECK(pass(core, 2s).empty());
    core.ask(config_request().from(numbered_mac(103))); // it broadcasts nothing
    CHECK(pass(core, 2s).empty());
}

TEST_CASE("whatever a new initiator asks for by broadcast, it learns of the exports that it may see",
          "[core][announce]") {
    std::vector<aoetarget::Event> heard;
    aoetarget::core::EventLog log{[&](const aoetarget::Event& event) { heard.push_back(event); }};
    CoreFixture core({.events = &log});
    core.add_export_with({.address = {1, 1}, .mask_list = {to_mac(client_mac), to_mac(other_client_mac)}},
                         geometry_of(8));
    pass(core, 2s);
    const auto broadcast = [&](const Mac& initiator, Request request) {
        request.destination = broadcast_mac;
        core.send(request.from(initiator));
        return pass(core, 2s).size();
    };
    CHECK(broadcast(numbered_mac(50), config_request().to(7, 7)) == 0); // it sees nothing
    CHECK(broadcast(client_mac, config_request().to(7, 7)) == 2 * 3);   // to both that may see it
    CHECK(broadcast(client_mac, config_request().to(7, 8)) == 0);
    CHECK(broadcast(other_client_mac, config_request().to(7, every_slot)) == 2 * 3);
    log.deliver(core.now);
    REQUIRE(heard.size() == 2);
    CHECK(heard[0].subject == client_mac.text());
    CHECK(heard[1].subject == other_client_mac.text());
}

TEST_CASE("an initiator that is seen for the first time is an event", "[core][announce]") {
    std::vector<aoetarget::Event> heard;
    aoetarget::core::EventLog log{[&](const aoetarget::Event& event) { heard.push_back(event); }};
    CoreFixture core({.events = &log});
    core.add_export_with({.address = {1, 1}, .mask_list = {to_mac(client_mac), to_mac(other_client_mac)}},
                         geometry_of(8));
    pass(core, 2s);
    core.ask(read_request(0, 1));
    core.ask(read_request(0, 1));
    core.ask(config_request().to(every_shelf, every_slot).from(other_client_mac));
    core.expect_silence(config_request().from(numbered_mac(50)));
    log.deliver(core.now);
    REQUIRE(heard.size() == 2);
    CHECK(heard[0].kind == aoetarget::EventKind::initiator_new);
    CHECK(heard[0].severity == aoetarget::Severity::notice);
    CHECK(heard[0].subject == client_mac.text());
    CHECK(heard[0].text.find("eth0") != std::string::npos);
    CHECK(heard[1].subject == other_client_mac.text());
}

TEST_CASE("the table of initiators is bounded, keeps those that speak, and notices few at once",
          "[core][announce]") {
    using aoetarget::core::Initiators;
    const auto mac = [](unsigned number) { return to_mac(numbered_mac(number)); };
    auto table = std::make_unique<Initiators>();
    aoetarget::core::Time now = 1h;
    for (unsigned i = 0; i < Initiators::crowd; ++i)
        CHECK(table->is_new(mac(i), now));
    CHECK_FALSE(table->is_new(mac(5000), now)); // it has to wait
    CHECK_FALSE(table->is_new(mac(0), now));
    now += 1s;
    CHECK(table->is_new(mac(5000), now));
    CHECK_FALSE(table->is_new(mac(5001), now));
    for (unsigned i = 0; i < 20000; ++i) {
        now += 1s;
        CHECK(table->is_new(mac(10000 + i), now));
        REQUIRE_FALSE(table->is_new(mac(5000), now)); // it speaks
    }
    now += 1s;
    CHECK(table->is_new(mac(0), now)); // it was silent for long
    CHECK_FALSE(table->is_new(aoetarget::MacAddress{}, now));
}

TEST_CASE("an announcement carries the same values as the answer to a query", "[core][announce]") {
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
    CHECK(pass(core, 1s).empty()); // lib/core/ordering.md H7: another node may be taking over
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

TEST_CASE("announcements that find no slot continue when there are some", "[core][announce]") {
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

namespace {

constexpr std::size_t burst = aoetarget::core::Announcer::burst;
constexpr auto pause_between = aoetarget::core::Announcer::pause;

/// A mask list that no other export has.
aoetarget::ExportOptions with_list(unsigned slot, unsigned entries) {
    aoetarget::ExportOptions options;
    options.address = address_of(1, slot);
    for (unsigned i = 0; i < entries; ++i)
        options.mask_list.push_back(to_mac(numbered_mac(1000 * slot + i)));
    return options;
}

/// How often each export was announced to each address.
std::map<std::pair<unsigned, Bytes>, unsigned> copies_of(const Answers& answers) {
    std::map<std::pair<unsigned, Bytes>, unsigned> copies;
    for (const auto& [reply, link] : answers)
        ++copies[{reply.slot(), reply.slice(0, 6)}];
    return copies;
}

} // namespace

TEST_CASE("long mask lists are announced in bursts, and in the end to everybody on them",
          "[core][announce]") {
    CoreFixture core;
    constexpr unsigned exports = 20, entries = 255;
    for (unsigned slot = 0; slot < exports; ++slot)
        core.add_export_with(with_list(slot, entries), geometry_of(8));
    pass(core, 30s);
    core.core.link_changed(core.link->id);
    Answers seen;
    while (core.core.next_deadline()) {
        core.now = std::max(core.now, *core.core.next_deadline());
        std::size_t in_pause = 0;
        for (int turn = 0; turn < 10; ++turn) { // others may make the loop turn, too
            core.turn();
            const Answers sent = core.take_advertisements();
            in_pause += sent.size();
            seen.insert(seen.end(), sent.begin(), sent.end());
            core.now += pause_between / 10 - 1ns;
        }
        REQUIRE(in_pause <= burst);
    }
    CHECK(seen.size() == 3 * exports * entries);
    const auto copies = copies_of(seen);
    CHECK(copies.size() == exports * entries);
    CHECK(std::ranges::all_of(copies, [](const auto& each) { return each.second == 3; }));
}

TEST_CASE("no export waits for the long mask list of another", "[core][announce]") {
    CoreFixture core;
    pass(core, 1s);
    for (const unsigned slot : {1U, 2U, 3U})
        core.add_export_with(with_list(slot, 255), geometry_of(8));
    core.add_export_with(with_list(4, 2), geometry_of(8));
    core.turn();
    const Answers first = core.take_advertisements();
    CHECK(first.size() == burst);
    for (const unsigned slot : {1U, 2U, 3U})
        CHECK(count(first, [&](const auto& each) { return each.reply.slot() == slot; }) >= 16);
    CHECK(count(first, [&](const auto& each) { return each.reply.slot() == 4; }) == 2);

    core.now += pause_between;
    core.add_export(geometry_of(8), address_of(1, 5));
    core.turn();
    CHECK(count(core.take_advertisements(), [](const auto& each) { return each.reply.slot() == 5; }) == 1);
    pass(core, 1s);
}

TEST_CASE("a thousand exports are announced within some milliseconds", "[core][announce]") {
    CoreFixture core;
    for (unsigned i = 0; i < 1000; ++i)
        core.add_export(geometry_of(8), address_of(1 + i / 250, i % 250));
    const Answers seen = pass(core, 20ms);
    std::set<std::pair<unsigned, unsigned>> announced;
    for (const auto& each : seen)
        announced.emplace(each.reply.shelf(), each.reply.slot());
    CHECK(announced.size() == 1000);
    pass(core, 1s);
}

TEST_CASE("changes that follow each other leave nobody out", "[core][announce]") {
    CoreFixture core;
    constexpr unsigned exports = 10, entries = 255;
    for (unsigned slot = 0; slot < exports; ++slot)
        core.add_export_with(with_list(slot, entries), geometry_of(8));
    pass(core, 30s);
    Answers seen;
    for (int i = 0; i < 40; ++i) { // a copy takes 40 ms
        core.core.link_changed(core.link->id);
        const Answers sent = pass(core, 5ms);
        seen.insert(seen.end(), sent.begin(), sent.end());
    }
    CHECK(copies_of(seen).size() == exports * entries);
    const auto after = copies_of(pass(core, 30s));
    CHECK(after.size() == exports * entries);
    CHECK(std::ranges::all_of(after, [](const auto& each) { return each.second >= 3 && each.second <= 5; }));
}

TEST_CASE("a mask list for which slots run out continues when there are some, and leaves some to requests",
          "[core][announce]") {
    CoreFixture core({.slots = 16});
    pass(core, 1s);
    core.link->slow = true;
    core.add_export_with(with_list(1, 40), geometry_of(8));
    core.turn();
    Answers seen = core.take_advertisements();
    CHECK(seen.size() == 14);
    CHECK(core.link->free_slots() == 2);
    CHECK(pass(core, 10ms).empty());
    core.link->finish_sending();
    core.link->slow = false;
    const Answers rest = pass(core, 1s);
    seen.insert(seen.end(), rest.begin(), rest.end());
    const auto copies = copies_of(seen);
    CHECK(copies.size() == 40);
    CHECK(std::ranges::all_of(copies, [](const auto& each) { return each.second == 3; }));
}

TEST_CASE("a link whose slots are all in use does not hold up announcements on others", "[core][announce]") {
    CoreFixture core({.slots = 64});
    FakeLink& second = core.add_link();
    core.add_export(geometry_of(64), address_of(1, 0));
    const auto pass = [&] {
        for (int i = 0; i < 20; ++i) {
            core.now += std::chrono::milliseconds(50);
            core.turn();
        }
    };
    pass();
    core.take_advertisements();
    std::vector<aoetarget::core::FrameSlot> taken;
    while (core.link->free_slots() > 4)
        taken.push_back(*core.link->pool().take());
    core.add_export(geometry_of(64), address_of(1, 1));
    pass();
    for (const CoreFixture::Answer& answer : core.take_advertisements())
        CHECK(answer.link == &second);
    REQUIRE(core.core.next_deadline());
    CHECK(*core.core.next_deadline() - core.now >=
          std::chrono::milliseconds(5)); // it is looked at now and then
    taken.clear();
    pass();
    CHECK(core.take_advertisements().size() == 3);
}
