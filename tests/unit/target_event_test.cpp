// The events with which a target tells its host about changes of its interfaces.
#include "support/backing.hpp"
#include "support/catch.hpp"
#include "target_fixture.hpp"

#include <algorithm>
#include <filesystem>
#include <vector>

using namespace aoetest;
using aoetarget::Event;
using aoetarget::EventKind;
using aoetarget::Severity;
using aoetarget::Target;

namespace {

/// Keeps what a target tells on its thread.
class Listener {
  public:
    aoetarget::TargetOptions options() {
        return {.on_event = [this](const Event& event) {
            const std::lock_guard lock(mutex_);
            heard_.push_back(event);
        }};
    }
    std::ptrdiff_t count(EventKind kind, const std::string& subject) {
        const std::lock_guard lock(mutex_);
        return std::ranges::count_if(
            heard_, [&](const Event& event) { return event.kind == kind && event.subject == subject; });
    }

    /// Returns the last of this kind, or an empty one.
    Event last(EventKind kind) {
        const std::lock_guard lock(mutex_);
        Event found;
        for (const Event& event : heard_)
            found = event.kind == kind ? event : found;
        return found;
    }

  private:
    std::mutex mutex_;
    std::vector<Event> heard_;
};

} // namespace

TEST_CASE("a host is told what becomes of an interface, once for each change", "[target][event]") {
    const Patience patience;
    const VethPair wire("told");
    Listener listener;
    VolumeLog log;
    RunningTarget running(
        [&](Target& target) {
            target.add_interface(wire.target_end());
            target.add_export(at(1, 1), Volume::make(log));
        },
        listener.options());
    RawClient client(wire);
    client.ask(config_request());
    const auto told = [&](EventKind kind) {
        return client.wait_until([&] { return listener.count(kind, wire.target_end()) > 0; });
    };
    set_link(wire.target_end(), false);
    CHECK(told(EventKind::link_down));
    set_link(wire.target_end(), true);
    CHECK(told(EventKind::link_up));
    wire.set_mtu(9000);
    CHECK(told(EventKind::mtu_changed));
    CHECK(listener.count(EventKind::link_down, wire.target_end()) == 1);
    wire.destroy();
    CHECK(told(EventKind::interface_gone));
    wire.create(1500);
    CHECK(told(EventKind::interface_back));
    CHECK(listener.count(EventKind::interface_gone, wire.target_end()) == 1);
}

TEST_CASE("a host is told when an interface becomes a port, and when its lane goes and comes",
          "[target][event]") {
    const Patience patience;
    const VethPair wire("ported");
    Listener listener;
    VolumeLog log;
    RunningTarget running(
        [&](Target& target) {
            target.add_interface(wire.target_end());
            target.add_export(at(1, 1), Volume::make(log));
        },
        listener.options());
    const bool has_lane = running.stats().interfaces.at(0).link.starts_with("xdp");
    RawClient client(wire);
    client.ask(config_request());
    const auto told = [&](EventKind kind, std::ptrdiff_t times) {
        return client.wait_until([&] { return listener.count(kind, wire.target_end()) == times; });
    };
    run_ip({"link", "add", "ported-b", "type", "bridge"});
    run_ip({"link", "set", wire.target_end(), "master", "ported-b"});
    CHECK(told(EventKind::interface_is_port, 1));
    CHECK(told(EventKind::lane_lost, has_lane ? 1 : 0));
    CHECK(running.stats().interfaces.at(0).port_of == "ported-b");
    run_ip({"link", "set", wire.target_end(), "nomaster"});
    CHECK(told(EventKind::interface_is_free, 1));
    CHECK(told(EventKind::lane_regained, has_lane ? 1 : 0));
    CHECK(running.stats().interfaces.at(0).port_of.empty());
    CHECK(client.is_served_soon());
    delete_interface("ported-b");

    // A lane that is back at once is not worth a word.
    wire.set_mtu(9000);
    CHECK(told(EventKind::mtu_changed, 1));
    wire.destroy();
    CHECK(told(EventKind::interface_gone, 1));
    wire.create(1500);
    CHECK(told(EventKind::interface_back, 1));
    client.rebind();
    CHECK(client.is_served_soon());
    INFO(listener.last(EventKind::lane_lost).text);
    CHECK(listener.count(EventKind::lane_lost, wire.target_end()) == (has_lane ? 1 : 0));
}

TEST_CASE("an interface that was renamed is known by its new name, and by the one that it was given",
          "[target][event]") {
    const Patience patience;
    const bool by_given_name = GENERATE(false, true);
    const VethPair wire("renamed");
    Listener listener;
    VolumeLog log;
    RunningTarget running(
        [&](Target& target) {
            target.add_interface(wire.target_end());
            target.add_export(at(1, 1), Volume::make(log));
        },
        listener.options());
    RawClient client(wire);
    run_ip({"link", "set", wire.target_end(), "name", "storage1"});
    CHECK(client.wait_until([&] { return listener.count(EventKind::interface_renamed, "storage1") == 1; }));
    CHECK(running.stats().interfaces.at(0).name == "storage1");
    client.ask(config_request());
    running.on_its_thread([&](Target& target) {
        CHECK_THROWS(target.add_interface("storage1"));
        CHECK(target.change_interface(wire.target_end(), {}));
        CHECK(target.change_interface("storage1", {}));
        target.remove_interface("storage2"); // which no interface has
        CHECK(target.stats().interfaces.size() == 1);
        target.remove_interface(by_given_name ? wire.target_end() : "storage1");
        CHECK(target.stats().interfaces.empty());
    });
    delete_interface("storage1");
}

TEST_CASE("statistics list the interfaces of a pattern that are there, and what is waited for",
          "[target][event]") {
    const Patience patience;
    const VethPair wire("steady");
    Listener listener;
    VolumeLog log;
    RunningTarget running(
        [&](Target& target) {
            target.add_interface(wire.target_end());
            target.add_interface("coming?-t");
            target.add_interface("single-t", {.wait = true});
            target.add_export(at(1, 1), Volume::make(log));
        },
        listener.options());
    RawClient client(wire);
    const auto listed = [&] {
        std::vector<std::string> names;
        for (const auto& interface : running.stats().interfaces)
            names.push_back(interface.name);
        return names;
    };
    using Names = std::vector<std::string>;
    CHECK(listed() == Names{"steady-t"});
    CHECK(running.stats().waited_for == Names{"coming?-t", "single-t"});
    {
        const VethPair coming("coming1");
        const VethPair single("single");
        CHECK(client.wait_until([&] { return listed() == Names{"steady-t", "coming1-t", "single-t"}; }));
        CHECK(running.stats().waited_for == Names{"coming?-t"});
        running.on_its_thread([&](Target& target) {
            CHECK_THROWS(target.add_interface("single-t"));
            CHECK_THROWS(target.add_interface("coming?-t"));
            target.add_interface("coming1-t"); // a name goes before a pattern
        });
        CHECK(client.wait_until([&] { return listed() == Names{"steady-t", "single-t", "coming1-t"}; }));
        running.on_its_thread([](Target& target) { target.remove_interface("coming1-t"); });
    }
    CHECK(client.wait_until([&] { return listed() == Names{"steady-t"}; }));
    CHECK(running.stats().waited_for == Names{"coming?-t", "single-t"});
    running.on_its_thread([](Target& target) {
        target.remove_interface("coming?-t");
        target.remove_interface("single-t");
    });
    CHECK(running.stats().waited_for.empty());
    client.ask(config_request());
}

TEST_CASE("a host is told that a lane is lost to a queueing discipline, and when it is back",
          "[target][event]") {
    const Patience patience;
    const VethPair wire("shaped");
    Listener listener;
    VolumeLog log;
    RunningTarget running(
        [&](Target& target) {
            target.add_interface(wire.target_end());
            target.add_export(at(1, 1), Volume::make(log));
        },
        listener.options());
    RawClient client(wire);
    client.ask(config_request());
    const auto link = [&] { return running.stats().interfaces.at(0).link; };
    if (!link().starts_with("xdp"))
        SKIP_BECAUSE("has no XDP here");
    const auto tc = [&](const std::string& verb, const std::vector<std::string>& qdisc) {
        std::vector<std::string> words{find_program("tc"), "qdisc", verb, "dev", wire.target_end(), "root"};
        words.insert(words.end(), qdisc.begin(), qdisc.end());
        CHECK(run_tool(words).exit_code == 0);
    };
    const auto told = [&](EventKind kind) {
        return client.wait_until([&] { return listener.count(kind, wire.target_end()) == 1; });
    };
    tc("add", {"tbf", "rate", "20mbit", "burst", "32kbit", "latency", "50ms"});
    CHECK(told(EventKind::lane_lost));
    CHECK(link() == "packet: AF_XDP would pass by the qdisc tbf (qdisc=bypass does so)");
    tc("del", {});
    CHECK(told(EventKind::lane_regained));
    CHECK(link().starts_with("xdp"));
    tc("add", {"pfifo_fast"}); // which the kernel gives to interfaces by itself
    client.settle();
    CHECK(link().starts_with("xdp"));
}

TEST_CASE("a host is told that another target answers for an address of its own", "[target][event]") {
    const Patience patience;
    const VethPair wire("twice");
    const auto serve = [](const std::string& interface, const std::string& serial, VolumeLog& log,
                          const aoetarget::TargetOptions& options) {
        return std::make_unique<RunningTarget>(
            [&](Target& target) {
                target.add_interface(interface);
                aoetarget::ExportOptions exported = at(1, 1);
                exported.serial = serial;
                target.add_export(exported, Volume::make(log));
            },
            options);
    };
    struct Row {
        const char* serial;
        Severity severity;
    };
    for (const auto& [serial, severity] : {Row{"OURS", Severity::notice}, Row{"THEIRS", Severity::error}}) {
        CAPTURE(serial);
        Listener first, second;
        VolumeLog one, other;
        const auto ours = serve(wire.target_end(), "OURS", one, first.options());
        std::this_thread::sleep_for(Milliseconds(100));
        CHECK(first.count(EventKind::address_conflict, "e1.1") == 0);
        const auto theirs = serve(wire.client_end(), serial, other, second.options());
        for (Listener* listener : {&first, &second}) {
            for (int i = 0; i < 500 && listener->count(EventKind::address_conflict, "e1.1") == 0; ++i)
                std::this_thread::sleep_for(Milliseconds(10));
            const Event event = listener->last(EventKind::address_conflict);
            CHECK(event.severity == severity);
            CHECK(event.text.find(mac_of(wire.target_end()).text()) != std::string::npos);
            CHECK(event.text.find(mac_of(wire.client_end()).text()) != std::string::npos);
        }
    }
}

TEST_CASE("a target that has been stopped tells for which devices it waits", "[target][event]") {
    const Patience patience;
    const VethPair& wire = standard_wire();
    Listener listener;
    VolumeLog hanging, healthy;
    RunningTarget running(
        [&](Target& target) {
            target.add_interface(wire.target_end());
            target.add_export(at(1, 1), Volume::make(hanging, 2048, Volume::Way::worker));
            target.add_export(at(1, 2), Volume::make(healthy));
        },
        listener.options());
    RawClient client(wire);
    client.ask(config_request());
    hanging.held = true;
    const bool with_request = GENERATE(true, false); // else its flush hangs
    if (with_request)
        client.send(write_request(4, pattern(4, 1, 1)));
    REQUIRE(client.wait_until([&] { return hanging.operations == (with_request ? 1U : 0U); }));
    running.target().stop();
    std::this_thread::sleep_for(Milliseconds(500));
    CHECK(listener.count(EventKind::stop_waits, "e1.1") == 0);
    std::this_thread::sleep_for(Milliseconds(2000));
    CHECK(listener.count(EventKind::stop_waits, "e1.1") == 1);
    CHECK(listener.count(EventKind::stop_waits, "e1.2") == 0);
    const std::string text = listener.last(EventKind::stop_waits).text;
    CHECK(text.find(with_request ? "not finished 1 request." : "not finished its last flush.") !=
          std::string::npos);
    hanging.held = false;
    running.join();
}

TEST_CASE("a host may change the target when it is told of an event", "[target][event]") {
    const Patience patience;
    const VethPair wire("react");
    VolumeLog log;
    Target* target_of_host = nullptr;
    RunningTarget running(
        [&](Target& target) {
            target_of_host = &target;
            target.add_interface(wire.target_end());
            target.add_export(at(1, 1), Volume::make(log));
        },
        {.on_event = [&](const Event&) {
            target_of_host->remove_export({1, 1});
        }});
    RawClient client(wire);
    client.ask(config_request());
    set_link(wire.target_end(), false);
    CHECK(client.wait_until([&] { return !log.exists; }));
}

TEST_CASE("a host is told of exports that come and go while the target runs", "[target][event]") {
    const Patience patience;
    Listener listener;
    VolumeLog first_log, log;
    Target target(listener.options());
    target.add_export(at(1, 1), Volume::make(first_log)); // before that, it is no news
    target.poll();
    target.add_export(at(1, 2), Volume::make(log));
    target.poll();
    CHECK(listener.count(EventKind::export_added, "e1.1") == 0);
    CHECK(listener.count(EventKind::export_added, "e1.2") == 1);
    target.remove_export({1, 2});
    target.poll();
    CHECK(listener.count(EventKind::export_removed, "e1.2") == 1);
}

TEST_CASE("a host is told of interfaces that come and go by its own calls", "[target][event]") {
    const Patience patience;
    const VethPair wire("call"), before("call2");
    Listener listener;
    Target target(listener.options());
    target.add_interface(before.target_end());
    target.poll();
    target.add_interface(wire.target_end());
    target.add_interface("none0", {.wait = true});
    target.add_interface("none*");
    target.poll();
    using enum EventKind;
    CHECK(listener.count(interface_added, before.target_end()) == 0);
    CHECK(listener.count(interface_added, wire.target_end()) == 1);
    CHECK(listener.count(interface_added, "none0") == 1);
    CHECK(listener.last(interface_added).text == "Interfaces with such a name are served from now on.");
    for (const std::string& name : {wire.target_end(), std::string("none0"), std::string("none1")})
        target.remove_interface(name);
    target.poll();
    CHECK(listener.count(interface_removed, wire.target_end()) == 1);
    CHECK(listener.count(interface_removed, "none0") == 1);
    CHECK(listener.count(interface_removed, "none1") == 0);
}

TEST_CASE("an export is told to be served when an interface serves it", "[target][event]") {
    const Patience patience;
    const VethPair wire("shown");
    Listener listener;
    VolumeLog log;
    Target target(listener.options());
    target.add_interface(wire.target_end());
    target.poll();
    aoetarget::ExportOptions options = at(1, 1);
    options.interfaces = {"/"};
    target.add_export(options, Volume::make(log));
    target.poll();
    CHECK(listener.last(EventKind::export_added).text ==
          "It is there, with 2048 sectors, and served on no interface yet.");
    options.interfaces.clear();
    target.change_export(options);
    target.poll();
    CHECK(listener.last(EventKind::export_changed).text == "It is served now, with 2048 sectors.");
}

TEST_CASE("the path of a device that was not taken is not watched", "[target][event]") {
    const Patience patience;
    const ScratchFolder folder, states;
    const ImageFile refused(64, ImageFile::Fill::pattern, folder.path());
    const ImageFile taken(64, ImageFile::Fill::pattern, folder.path());
    Listener listener;
    aoetarget::TargetOptions options = listener.options();
    options.state_directory = states.path();
    Target target(options);
    std::filesystem::create_directory(states.path() + "/e1.1.state"); // which is no regular file
    auto device = aoetarget::open_file(refused.path());
    CHECK_THROWS_WITH(target.add_export(at(1, 1), std::move(device)), Catch::Contains("e1.1.state"));
    target.add_export(at(1, 2), aoetarget::open_file(taken.path()));
    target.poll();
    for (const ImageFile* image : {&refused, &taken})
        std::filesystem::rename(image->path(), image->path() + ".moved");
    for (int i = 0; i < 1000 && listener.count(EventKind::path_replaced, "e1.2") == 0; ++i) {
        std::this_thread::sleep_for(Milliseconds(10));
        target.poll();
    }
    CHECK(listener.count(EventKind::path_replaced, "e1.2") == 1);
    CHECK(listener.count(EventKind::path_replaced, "e1.1") == 0);
    for (const ImageFile* image : {&refused, &taken})
        std::filesystem::rename(image->path() + ".moved", image->path());
}
