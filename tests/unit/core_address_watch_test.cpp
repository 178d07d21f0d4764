// Other targets that answer for an address of ours (core/address_watch.hpp).
#include "core/address_watch.hpp"
#include "core/core.hpp"
#include "fake_device.hpp"
#include "fake_link.hpp"
#include "protocol/identify.hpp"
#include "support/catch.hpp"

#include <algorithm>

using namespace aoetest;
using namespace std::chrono_literals;
using aoetarget::Address;
using aoetarget::Event;
using aoetarget::Severity;
using aoetarget::core::AddressWatch;
using aoetarget::core::EventLog;
using aoetarget::core::Responder;
using aoetarget::core::Time;
using aoetarget::protocol::Header;

namespace {

const Mac our_mac = numbered_mac(1), second_mac = numbered_mac(2), foreign_mac = numbered_mac(3);
const Address ours{1, 1};

struct Scene {
    Scene() {
        for (FakeLink* link : {&first, &second})
            link->id = responder.links.add(*link, 64);
    }

    FakeLink make_link(const Mac& mac) {
        return FakeLink(
            "eth0", mac, 1500, 64,
            [this](FakeLink&, aoetarget::ConstBytes frame) {
                Bytes bytes(frame.size());
                std::memcpy(bytes.data(), frame.data(), frame.size());
                sent.push_back({bytes});
            },
            sector_bytes);
    }
    void pass(Time time) {
        for (now += time; watch.next_due() && *watch.next_due() <= now;)
            watch.run(now);
    }
    bool hear(const Mac& from, const Reply& question, const Bytes& data, std::uint8_t command) {
        Header header;
        header.destination = to_mac(our_mac);
        header.source = to_mac(from);
        header.response = true;
        header.shelf = 1;
        header.slot = 1;
        header.command = command;
        header.tag = question.bytes.empty() ? 0 : question.tag();
        std::vector<std::byte> frame(36 + data.size());
        std::ranges::transform(data, frame.begin() + 36, [](auto byte) { return std::byte{byte}; });
        header.write(frame);
        return watch.hear(first.id, header, frame, ours, "OURS", now);
    }
    bool advertise(const Mac& from) { return hear(from, {}, {}, command_config); }
    bool identify(const Mac& from, const std::string& serial) {
        std::vector<std::byte> data(512);
        aoetarget::protocol::write_identify(
            data, {.serial = serial, .model = "other", .firmware = "1", .geometry = {}});
        Bytes bytes(data.size());
        std::memcpy(bytes.data(), data.data(), data.size());
        return hear(from, sent.back(), bytes, command_ata);
    }
    std::vector<Event> told() {
        events.deliver(now);
        return std::exchange(told_, {});
    }

    std::vector<Reply> sent;
    std::vector<Event> told_;
    Responder responder;
    FakeLink first = make_link(our_mac), second = make_link(second_mac);
    EventLog events{[this](const Event& event) { told_.push_back(event); }};
    AddressWatch watch{responder, &events};
    Time now{1s};
};

bool names(const std::string& text, const Mac& mac) {
    return text.find(mac.text()) != std::string::npos;
}

} // namespace

TEST_CASE("a link that comes up is asked twice who is there", "[core][watch]") {
    Scene scene;
    scene.watch.link_changed(scene.first.id);
    scene.pass(1ms);
    REQUIRE(scene.sent.size() == 1);
    const Reply question = scene.sent[0];
    CHECK(question.destination() == broadcast_mac);
    CHECK(question.source() == our_mac);
    CHECK_FALSE(question.is_response());
    CHECK(question.command() == command_config);
    CHECK(question.shelf() == every_shelf);
    CHECK(question.slot() == every_slot);
    CHECK(question.ccmd() == ccmd_read);
    CHECK(question.tag() != 0);
    scene.pass(1s);
    CHECK(scene.sent.size() == 2);
    scene.pass(10s);
    CHECK(scene.sent.size() == 2);
    CHECK_FALSE(scene.watch.next_due());
}

TEST_CASE("a question that another interface of ours receives is known as ours", "[core][watch]") {
    Scene scene;
    scene.watch.link_changed(scene.first.id);
    scene.pass(1ms);
    REQUIRE(scene.sent.size() == 1);
    aoetarget::protocol::Header header;
    header.source = to_mac(our_mac);
    header.tag = scene.sent[0].tag();
    CHECK(scene.watch.has_asked(header));
    header.source = to_mac(foreign_mac);
    CHECK_FALSE(scene.watch.has_asked(header)); // a host may choose that tag
    header.source = to_mac(our_mac);
    ++header.tag;
    CHECK_FALSE(scene.watch.has_asked(header));
}

TEST_CASE("another disk under an address of ours is an error that names both targets", "[core][watch]") {
    Scene scene;
    CHECK(scene.advertise(foreign_mac));
    REQUIRE(scene.sent.size() == 1);
    CHECK(scene.sent[0].destination() == foreign_mac);
    CHECK(scene.sent[0].command() == command_ata);
    CHECK(scene.sent[0].byte_at(27) == ata::identify);
    CHECK(scene.told().empty());
    CHECK(scene.identify(foreign_mac, "THEIRS"));
    const std::vector<Event> told = scene.told();
    REQUIRE(told.size() == 1);
    CHECK(told[0].severity == Severity::error);
    CHECK(told[0].kind == aoetarget::EventKind::address_conflict);
    CHECK(told[0].subject == "e1.1");
    CHECK(names(told[0].text, foreign_mac));
    CHECK(names(told[0].text, our_mac));
    CHECK(told[0].text.find("THEIRS") != std::string::npos);
    CHECK_FALSE(scene.identify(foreign_mac, "THEIRS")); // a second answer
}

TEST_CASE("a target with another disk is asked again until it is gone, and told once", "[core][watch]") {
    Scene scene;
    CHECK_FALSE(scene.watch.has_conflict(ours));
    scene.advertise(foreign_mac);
    scene.identify(foreign_mac, "THEIRS");
    CHECK(scene.told().size() == 1);
    CHECK(scene.watch.has_conflict(ours));
    CHECK_FALSE(scene.watch.has_conflict({1, 2}));
    for (int round = 0; round < 5; ++round) {
        const std::size_t before = scene.sent.size();
        scene.pass(AddressWatch::recheck);
        CHECK(scene.sent.size() == before + 1);
        CHECK(scene.identify(foreign_mac, "THEIRS"));
    }
    CHECK(scene.told().empty());
    CHECK(scene.watch.has_conflict(ours));
    const std::size_t before = scene.sent.size();
    for (int round = 0; round < 3; ++round)
        scene.pass(AddressWatch::recheck);
    CHECK(scene.sent.size() == before + 2);
    CHECK_FALSE(scene.watch.has_conflict(ours));
    const std::vector<Event> told = scene.told();
    REQUIRE(told.size() == 1);
    CHECK(told[0].severity == Severity::notice);
    CHECK(names(told[0].text, foreign_mac));
    CHECK_FALSE(scene.watch.next_due());
}

TEST_CASE("a conflict is not forgotten among answers that somebody makes up", "[core][watch]") {
    Scene scene;
    scene.advertise(foreign_mac);
    scene.identify(foreign_mac, "THEIRS");
    for (unsigned i = 0; i < 200; ++i) {
        scene.now += 2s;
        scene.advertise(numbered_mac(100 + i));
    }
    CHECK(scene.watch.has_conflict(ours));
    scene.watch.forget(ours);
    CHECK_FALSE(scene.watch.has_conflict(ours));
}

TEST_CASE("a target that comes to the same disk ends the conflict", "[core][watch]") {
    Scene scene;
    scene.advertise(foreign_mac);
    scene.identify(foreign_mac, "THEIRS");
    scene.now += 100s;
    scene.advertise(foreign_mac);
    scene.identify(foreign_mac, "OURS");
    CHECK_FALSE(scene.watch.has_conflict(ours));
}

TEST_CASE("a serial number that a stranger chose cannot write to terminals", "[core][watch]") {
    Scene scene;
    scene.advertise(foreign_mac);
    CHECK(scene.identify(foreign_mac, "A\x1B[2J\x9B\nB"));
    const std::vector<Event> told = scene.told();
    REQUIRE(told.size() == 1);
    CHECK(told[0].text.find("A?[2J??B") != std::string::npos);
}

TEST_CASE("the same disk at another target is told once", "[core][watch]") {
    Scene scene;
    for (int round = 0; round < 3; ++round) {
        scene.advertise(foreign_mac);
        scene.identify(foreign_mac, "OURS");
        const std::vector<Event> told = scene.told();
        CHECK(told.size() == (round == 0 ? 1 : 0));
        if (!told.empty())
            CHECK(told[0].severity == Severity::notice);
        scene.now += 100s;
    }
    scene.advertise(foreign_mac);
    scene.identify(foreign_mac, "ANOTHER"); // it has other contents now
    CHECK(scene.told().size() == 1);
}

TEST_CASE("what other interfaces of ours answer is not foreign", "[core][watch]") {
    Scene scene;
    CHECK_FALSE(scene.advertise(second_mac));
    CHECK_FALSE(scene.advertise(our_mac));
    CHECK(scene.sent.empty());
}

TEST_CASE("answers that somebody makes up bring few questions and no event", "[core][watch]") {
    Scene scene;
    for (unsigned i = 0; i < 1000; ++i) {
        scene.advertise(numbered_mac(100 + i));
        scene.advertise(foreign_mac);
    }
    CHECK(scene.sent.size() == 64);
    scene.now += 2s;
    scene.advertise(numbered_mac(5000));
    CHECK(scene.sent.size() == 65);
    CHECK_FALSE(scene.identify(numbered_mac(5001), "THEIRS")); // nobody asked that one
    CHECK(scene.told().empty());
}

TEST_CASE("an answer on an interface that does not serve the export is no conflict", "[core][watch]") {
    std::size_t sent = 0;
    const auto make_link = [&](const char* name, const Mac& mac) {
        return FakeLink(
            name, mac, 1500, 64, [&](FakeLink&, aoetarget::ConstBytes) { ++sent; }, sector_bytes);
    };
    FakeLink serving = make_link("eth0", our_mac), other = make_link("eth1", second_mac);
    EventLog events{[](const Event&) {}};
    aoetarget::Geometry geometry;
    geometry.sectors = 256;
    Disk disk(geometry);
    aoetarget::core::Core core(
        {.bounce_memory = {}, .ahead_memory = {}, .events = &events, .watches_addresses = true});
    for (FakeLink* link : {&serving, &other})
        link->id = core.add_link(*link, 64);
    core.add_export({.address = ours, .interfaces = {"eth0"}}, std::make_unique<FakeDevice>(disk), geometry);
    const auto advertise = [&](FakeLink& link) {
        Header header;
        header.destination = to_mac(broadcast_mac);
        header.source = to_mac(foreign_mac);
        header.response = true;
        header.shelf = ours.shelf;
        header.slot = ours.slot;
        header.command = command_config;
        std::vector<std::byte> frame(60);
        header.write(frame);
        Bytes bytes(frame.size());
        std::memcpy(bytes.data(), frame.data(), frame.size());
        return core.receive(link.id, std::move(*link.receive(bytes)));
    };
    CHECK_FALSE(advertise(other));
    CHECK(sent == 0);
    CHECK(advertise(serving)); // it is asked for its serial number
    CHECK(sent == 1);
}
