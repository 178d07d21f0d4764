// Events: which are told, when, and how often.
#include "support/catch.hpp"

#include "core/event_log.hpp"
#include "net/interface_events.hpp"

#include <algorithm>
#include <string>
#include <vector>

using namespace aoetarget;
using namespace std::chrono_literals;
using core::EventLog;

namespace {

struct Listener {
    std::vector<Event> heard;
    EventLog log{[this](const Event& event) { heard.push_back(event); }};

    /// What is told at this time.
    std::vector<Event> at(core::Time now) {
        log.deliver(now);
        return std::exchange(heard, {});
    }
    void link(bool up) {
        log.tell(Severity::notice, up ? EventKind::link_up : EventKind::link_down, "eth1",
                 up ? "up" : "down");
    }
};

net::InterfaceState interface(int index, bool up, bool carrier, unsigned mtu = 1500) {
    return {.index = index, .mtu = mtu, .mac = {}, .up = up, .carrier = carrier, .ethernet = true};
}

std::vector<EventKind> changes(const net::InterfaceState& before, const net::InterfaceState& now) {
    Listener listener;
    net::tell_changes(listener.log, "eth1", before, now, false);
    std::vector<EventKind> kinds;
    for (const Event& event : listener.at(1s)) {
        CHECK(event.subject == "eth1");
        CHECK(event.text.ends_with("."));
        kinds.push_back(event.kind);
    }
    return kinds;
}

} // namespace

TEST_CASE("an event is told at the end of the turn in which it happened, and once", "[event]") {
    Listener listener;
    listener.link(false);
    CHECK(listener.heard.empty());
    const auto told = listener.at(1s);
    REQUIRE(told.size() == 1);
    CHECK(told[0].kind == EventKind::link_down);
    CHECK(told[0].subject == "eth1");
    CHECK(told[0].text == "down");
    CHECK(told[0].repeats == 0);
    CHECK(listener.at(100s).empty());
    CHECK_FALSE(listener.log.next_deadline());
}

TEST_CASE("a link that flaps is told once a second, and what is told last is true", "[event]") {
    Listener listener;
    listener.link(false);
    listener.link(true);
    CHECK(listener.at(1s).size() == 2);
    for (int i = 0; i < 50; ++i) {
        listener.link(false);
        listener.link(true);
        CHECK(listener.at(1s + i * 10ms).empty());
    }
    REQUIRE(listener.log.next_deadline());
    CHECK(*listener.log.next_deadline() == 2s);
    const auto told = listener.at(2s);
    REQUIRE(told.size() == 2);
    CHECK(told[0].kind == EventKind::link_down);
    CHECK(told[1].kind == EventKind::link_up);
    CHECK(told[1].repeats == 49);
}

TEST_CASE("what is told last is true, whenever its opposite was told", "[event]") {
    Listener listener;
    listener.link(true);
    CHECK(listener.at(1s).size() == 1);
    listener.link(false);
    CHECK(listener.at(1500ms).size() == 1);
    listener.link(true);
    listener.link(false); // held back for longer than what follows
    listener.link(true);
    CHECK(listener.at(1900ms).empty());
    std::vector<Event> told;
    for (const core::Time now : {2000ms, 2500ms, 3000ms, 3500ms})
        std::ranges::move(listener.at(now), std::back_inserter(told));
    REQUIRE(told.size() == 2);
    CHECK(told[0].kind == EventKind::link_down);
    CHECK(told[1].kind == EventKind::link_up);
}

TEST_CASE("a failure that is held back is told before the recovery from it", "[event]") {
    Listener listener;
    const auto fail = [&] { listener.log.tell(Severity::error, EventKind::device_failing, "e1.1", "fails"); };
    const auto recover = [&] {
        listener.log.tell(Severity::notice, EventKind::device_recovered, "e1.1", "works");
    };
    fail();
    CHECK(listener.at(1s).size() == 1);
    recover();
    CHECK(listener.at(5s).size() == 1);
    fail();
    CHECK(listener.at(10s).empty());
    recover();
    const auto told = listener.at(20s);
    REQUIRE(told.size() == 2);
    CHECK(told[0].kind == EventKind::device_failing);
    CHECK(told[1].kind == EventKind::device_recovered);
    CHECK(listener.at(100s).empty());
}

TEST_CASE("a condition that lasts is told once a minute, with the number of its repeats", "[event]") {
    Listener listener;
    const auto drop = [&] {
        listener.log.tell(Severity::warning, EventKind::frames_dropped, "eth1", "lost");
    };
    drop();
    CHECK(listener.at(1s).size() == 1);
    for (int second = 2; second < 61; ++second) {
        drop();
        CHECK(listener.at(std::chrono::seconds(second)).empty());
    }
    const auto told = listener.at(61s);
    REQUIRE(told.size() == 1);
    CHECK(told[0].repeats == 58);
}

TEST_CASE("events of other subjects and kinds do not keep each other back", "[event]") {
    Listener listener;
    listener.log.tell(Severity::warning, EventKind::link_down, "eth1", "a");
    CHECK(listener.at(1s).size() == 1);
    listener.log.tell(Severity::warning, EventKind::link_down, "eth2", "b");
    listener.log.tell(Severity::warning, EventKind::mtu_changed, "eth1", "c");
    CHECK(listener.at(1s).size() == 2);
}

TEST_CASE("a notice does not take the place of an error", "[event]") {
    Listener listener;
    listener.log.tell(Severity::error, EventKind::address_conflict, "e1.1", "another disk");
    listener.log.tell(Severity::notice, EventKind::address_conflict, "e1.1", "the same disk");
    const auto told = listener.at(1s);
    REQUIRE(told.size() == 2);
    CHECK(told[0].severity == Severity::error);
    CHECK(told[0].text == "another disk");
    CHECK(told[1].severity == Severity::notice);
}

TEST_CASE("more events than can be kept cost a bounded amount of memory, and that is told", "[event]") {
    Listener listener;
    for (int i = 0; i < 10000; ++i)
        listener.log.tell(Severity::notice, EventKind::initiator_new, std::to_string(i), "new");
    const auto told = listener.at(1s);
    CHECK(told.size() == 1024);
    CHECK(std::ranges::count(told, EventKind::events_lost, &Event::kind) == 1);
    for (int i = 0; i < 10000; ++i) { // those that were told give way
        listener.log.tell(Severity::notice, EventKind::initiator_new, std::to_string(10000 + i), "new");
        if (i % 500 == 0)
            CHECK_FALSE(listener.at(2s).empty());
    }
}

TEST_CASE("a handler may tell more events", "[event]") {
    std::vector<EventKind> heard;
    EventLog* log = nullptr;
    EventLog events([&](const Event& event) {
        heard.push_back(event.kind);
        if (event.kind == EventKind::link_down)
            log->tell(Severity::notice, EventKind::link_up, event.subject, "up");
    });
    log = &events;
    events.tell(Severity::notice, EventKind::link_down, "eth1", "down");
    events.deliver(1s);
    CHECK(events.next_deadline());
    events.deliver(1s);
    CHECK(heard == std::vector{EventKind::link_down, EventKind::link_up});
}

TEST_CASE("every kind of event has a name of its own", "[event]") {
    std::vector<std::string> names;
    for (int kind = 0; kind <= static_cast<int>(EventKind::events_lost); ++kind) {
        names.emplace_back(name(static_cast<EventKind>(kind)));
        CHECK_FALSE(names.back().empty());
    }
    std::ranges::sort(names);
    CHECK(std::ranges::adjacent_find(names) == names.end());
}

TEST_CASE("each change of an interface is an event", "[event][interface]") {
    using enum EventKind;
    const auto up = interface(3, true, true);
    const auto gone = interface(0, false, false);
    CHECK(changes(up, up).empty());
    CHECK(changes(gone, up) == std::vector{interface_back});
    CHECK(changes(up, interface(3, true, false)) == std::vector{link_down});
    CHECK(changes(up, interface(3, false, false)) == std::vector{link_down});
    CHECK(changes(interface(3, false, false), up) == std::vector{link_up});
    CHECK(changes(up, interface(3, true, true, 9000)) == std::vector{mtu_changed});
    CHECK(changes(up, interface(3, true, true, 500)) == std::vector{mtu_changed});
}
