// Events about initiators whose traffic shows that something is wrong (core/traffic_watch.hpp).
#include "core_fixture.hpp"
#include "support/catch.hpp"

using namespace aoetest;
using namespace std::chrono_literals;
using aoetarget::Event;
using aoetarget::EventKind;
using aoetarget::core::EventLog;
using aoetarget::core::Time;
using aoetarget::core::TrafficWatch;

namespace {

struct Listener {
    std::vector<Event> events;
    EventLog log{[this](const Event& event) { events.push_back(event); }};
    TrafficWatch watch;
    Time now = 10s;

    void pass(Time time) {
        watch.run(now, &log);
        now += time;
        watch.run(now, &log);
        log.deliver(now);
    }
    void note(TrafficWatch::Sign sign, const Mac& source, unsigned times) {
        for (unsigned i = 0; i < times; ++i)
            watch.note(sign, to_mac(source));
    }
};

} // namespace

TEST_CASE("requests that were dropped or came again are told once a second by initiator", "[core][event]") {
    const auto [sign, kind] =
        GENERATE(std::pair(TrafficWatch::Sign::flooding, EventKind::initiator_flooding),
                 std::pair(TrafficWatch::Sign::repeating, EventKind::initiator_repeating));
    Listener listener;
    CHECK_FALSE(listener.watch.next_due());
    listener.note(sign, client_mac, TrafficWatch::many - 1); // as any network may do now and then
    listener.pass(1s);
    CHECK(listener.events.empty());
    listener.note(sign, client_mac, 400);
    listener.note(sign, numbered_mac(7), 30);
    listener.pass(999ms);
    CHECK(listener.events.empty());
    CHECK(listener.watch.next_due() == listener.now + 1ms);
    listener.pass(1ms);
    REQUIRE(listener.events.size() == 2);
    CHECK_FALSE(listener.watch.next_due());
    for (const Event& event : listener.events) {
        CHECK(event.kind == kind);
        const bool is_first = event.subject == to_string(to_mac(client_mac));
        CHECK(event.subject == to_string(to_mac(is_first ? client_mac : numbered_mac(7))));
        CHECK(event.text.find(is_first ? "400 " : "30 ") == 0);
    }
}

TEST_CASE("a single late write is told", "[core][event]") {
    Listener listener;
    listener.note(TrafficWatch::Sign::late, client_mac, 1);
    listener.pass(1s);
    REQUIRE(listener.events.size() == 1);
    CHECK(listener.events[0].kind == EventKind::stale_writes);
}

TEST_CASE("forged sources fill the table, and do not hide an initiator for ever", "[core][event]") {
    Listener listener;
    for (unsigned second = 0; second < 200 && listener.events.empty(); ++second) {
        for (unsigned source = 0; source < 100; ++source)
            listener.note(TrafficWatch::Sign::flooding, numbered_mac(0x1000 + source), 1);
        listener.note(TrafficWatch::Sign::flooding, client_mac, 50);
        listener.pass(1s);
    }
    REQUIRE_FALSE(listener.events.empty());
    CHECK(listener.events[0].subject == to_string(to_mac(client_mac)));
}

namespace {

std::string told_after_a_second(CoreFixture& core, EventKind kind) {
    core.turn();
    core.now += 1s;
    CHECK(core.core.next_deadline() <= core.now);
    core.turn();
    return core.take_event(kind);
}

} // namespace

TEST_CASE("an initiator that exceeds its window is named", "[core][event]") {
    CoreFixture core({.buffer_count = 8});
    Disk& disk = core.add_export();
    disk.immediate = false;
    for (unsigned i = 0; i < 60; ++i)
        core.send(write_request(4 * i, pattern(4 * i, 2, 1)));
    REQUIRE(core.stats().crowding >= TrafficWatch::many);
    CHECK(told_after_a_second(core, EventKind::initiator_flooding).find("requests were dropped") !=
          std::string::npos);
    core.drain(disk);
}

TEST_CASE("an initiator that repeats what is under way is named", "[core][event]") {
    CoreFixture core;
    Disk& disk = core.add_export();
    disk.immediate = false;
    const Request request = core.complete(*core.link, write_request(4, pattern(4, 2, 1)));
    for (unsigned i = 0; i < 12; ++i)
        core.send(request);
    CHECK(told_after_a_second(core, EventKind::initiator_repeating).find("11 of its requests") == 0);
    core.drain(disk);
}

TEST_CASE("an initiator whose write is late is named", "[core][event]") {
    CoreFixture core;
    core.add_export();
    const Request first = core.complete(*core.link, write_request(4, pattern(4, 2, 1)));
    CHECK(core.ask(first).succeeded());
    CHECK(core.ask(write_request(4, pattern(4, 2, 2))).succeeded());
    core.expect_silence(first);
    CHECK(told_after_a_second(core, EventKind::stale_writes).find("1 of its writes") == 0);
}
