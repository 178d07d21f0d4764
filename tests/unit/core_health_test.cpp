// Devices that fail: which errors are answered, and what people are told (core/device_health.hpp).
#include "core_fixture.hpp"
#include "support/catch.hpp"

#include <cerrno>

using namespace aoetest;
using namespace std::chrono_literals;
using aoetarget::EventKind;

namespace {

struct HealthFixture : CoreFixture {
    explicit HealthFixture(std::optional<std::chrono::milliseconds> silence_on_error = {},
                           const aoetarget::Geometry& geometry = geometry_of(256))
        : disk(add_export_with({.address = {1, 1}, .silence_on_error = silence_on_error}, geometry)) {}

    void fail_all(int error) {
        disk.error_of = [error](const Disk::Io&) { return error; };
    }
    void fail_writes(int error) {
        disk.error_of = [error](const Disk::Io& io) { return io.op == Disk::Op::write ? error : 0; };
    }
    void heal() { disk.error_of = nullptr; }
    /// Whether a request is answered, which must then be an error.
    bool fails_with_answer(const Request& request) {
        const std::uint32_t tag = send(request);
        turn();
        const auto all = replies(tag);
        if (!all.empty())
            CHECK_FALSE(all.front().succeeded());
        return !all.empty();
    }

    Disk& disk;
};

} // namespace

TEST_CASE("an error is answered at once, and told once until the device works again", "[core][health]") {
    HealthFixture core;
    core.fail_all(EIO);
    CHECK(core.fails_with_answer(read_request(4, 2)));
    const std::string text = core.take_event(EventKind::device_failing);
    CHECK(text.find("A read of 2 sectors from sector 4 failed: Input/output error.") == 0);
    CHECK(core.fails_with_answer(read_request(4, 2)));
    CHECK(core.fails_with_answer(write_request(9, pattern(9, 1, 1))));
    core.now += 2min;
    CHECK(core.fails_with_answer(read_request(4, 2)));
    CHECK(core.events.empty());
    core.heal();
    CHECK(core.ask(read_request(4, 2)).succeeded());
    CHECK_FALSE(core.take_event(EventKind::device_recovered).empty());
    CHECK(core.ask(read_request(4, 2)).succeeded());
    CHECK(core.events.empty());
}

TEST_CASE("errors stay unanswered for as long as the export says, and each repetition reaches the device",
          "[core][health]") {
    HealthFixture core(60s);
    core.fail_all(EIO);
    for (int i = 0; i < 6; ++i) {
        const unsigned before = core.disk.operations;
        CHECK_FALSE(core.fails_with_answer(write_request(4, pattern(4, 2, 1))));
        CHECK(core.disk.operations == before + 1);
        core.now += 10s;
    }
    CHECK(core.stats().dropped == 6);
    CHECK(core.take_event(EventKind::device_failing).find("unanswered for up to 60 s") != std::string::npos);
    CHECK(core.fails_with_answer(write_request(4, pattern(4, 2, 1))));
    CHECK(core.take_event(EventKind::device_failing).find("answered from now on") != std::string::npos);
    CHECK(core.fails_with_answer(write_request(4, pattern(4, 2, 1))));

    core.heal();
    CHECK(core.ask(write_request(4, pattern(4, 2, 1))).succeeded());
    CHECK_FALSE(core.take_event(EventKind::device_recovered).empty());
    core.fail_all(EIO);
    CHECK_FALSE(core.fails_with_answer(read_request(4, 2))); // it begins anew
}

TEST_CASE("the end of a silence is told at once, however short that was", "[core][health]") {
    HealthFixture core(5s);
    core.fail_all(EIO);
    CHECK_FALSE(core.fails_with_answer(write_request(4, pattern(4, 2, 1))));
    CHECK(core.take_event(EventKind::device_failing).find("unanswered for up to 5 s") != std::string::npos);
    core.now += 5s;
    CHECK(core.fails_with_answer(write_request(4, pattern(4, 2, 1))));
    core.turn();
    CHECK(core.take_event(EventKind::device_failing).find("answered from now on") != std::string::npos);
}

TEST_CASE("a request whose error stayed unanswered is carried out when the device works again",
          "[core][health]") {
    HealthFixture core(60s);
    core.fail_all(EIO);
    const Request request = core.complete(*core.link, write_request(4, pattern(4, 2, 1)));
    core.expect_silence(request);
    core.now += 30s;
    core.heal();
    CHECK(core.ask(request).succeeded()); // under the same tag, too
    CHECK(core.disk.sectors(4, 2) == pattern(4, 2, 1));
}

TEST_CASE("writes that find no space stay unanswered for a minute if nothing else was asked for",
          "[core][health]") {
    const int error = GENERATE(ENOSPC, EDQUOT);
    HealthFixture core;
    core.fail_writes(error);
    CHECK_FALSE(core.fails_with_answer(write_request(4, pattern(4, 2, 1))));
    CHECK(core.take_event(EventKind::out_of_space).find("A write of 2 sectors from sector 4 failed") == 0);
    core.now += 59s;
    CHECK(core.ask(read_request(4, 2)).succeeded()); // which tells nothing of space
    CHECK_FALSE(core.fails_with_answer(write_request(4, pattern(4, 2, 1))));
    CHECK(core.events.empty());
    core.now += 1s;
    CHECK(core.fails_with_answer(write_request(4, pattern(4, 2, 1))));
    CHECK_FALSE(core.take_event(EventKind::out_of_space).empty());
    core.heal();
    CHECK(core.ask(write_request(4, pattern(4, 2, 1))).succeeded());
    CHECK(core.take_event(EventKind::device_recovered).find("space") != std::string::npos);
}

TEST_CASE("where errors are to be answered at once, so is want of space", "[core][health]") {
    HealthFixture core(0ms);
    core.fail_writes(ENOSPC);
    CHECK(core.fails_with_answer(write_request(4, pattern(4, 2, 1))));
}

TEST_CASE("who wants a bad sector gets an answer in time, however much succeeds beside it",
          "[core][health]") {
    HealthFixture core(60s);
    core.disk.error_of = [](const Disk::Io& io) { return io.range.contains({100, 1}) ? EIO : 0; };
    const aoetarget::core::Time begin = core.now;
    while (!core.fails_with_answer(read_request(100, 1))) {
        CHECK(core.ask(read_request(4, 2)).succeeded());
        core.now += 5s;
    }
    CHECK(core.now - begin == 60s);
    CHECK(core.ask(read_request(4, 2)).succeeded());
    core.turn();
    CHECK(core.take_event(EventKind::device_recovered).empty());
    core.now += 30s; // and when it has been left alone for a while, the next failure is a new one
    CHECK(core.ask(read_request(4, 2)).succeeded());
    CHECK_FALSE(core.take_event(EventKind::device_recovered).empty());
    CHECK_FALSE(core.fails_with_answer(read_request(100, 1)));
}

TEST_CASE("a device that has gone is told as such, also where it began with other errors", "[core][health]") {
    const int error = GENERATE(ENXIO, ENODEV, ENOMEDIUM);
    HealthFixture core;
    core.fail_all(EIO);
    CHECK(core.fails_with_answer(read_request(4, 2)));
    core.fail_all(error);
    CHECK(core.ask(read_request(4, 2)).status() == status_fault);
    CHECK(core.take_event(EventKind::device_vanished).find("is gone") != std::string::npos);
    CHECK(core.fails_with_answer(read_request(4, 2)));
    CHECK(core.take_event(EventKind::device_vanished).empty());
}

TEST_CASE("a device that refuses writes since a flush failed is told at once, and once", "[core][health]") {
    HealthFixture core;
    core.fail_writes(EIO);
    core.disk.refuses_writes = true;
    CHECK(core.fails_with_answer(write_request(4, pattern(4, 2, 1))));
    CHECK(core.take_event(EventKind::flush_failed).find("refuses writes from now on") != std::string::npos);
    CHECK(core.fails_with_answer(write_request(4, pattern(4, 2, 1))));
    CHECK(core.take_event(EventKind::flush_failed).empty());
}

TEST_CASE("a device that fails and works in turns is told of now and then", "[core][health]") {
    HealthFixture core;
    for (int i = 0; i < 500; ++i) {
        core.fail_all(EIO);
        CHECK(core.fails_with_answer(read_request(4, 2)));
        core.heal();
        CHECK(core.ask(read_request(4, 2)).succeeded());
        core.now += 10ms;
    }
    core.now += 2min;
    core.turn();
    CHECK(core.events.size() >= 2);
    CHECK(core.events.size() <= 12); // in five seconds
    CHECK(core.events.back().kind == EventKind::device_recovered);
    for (const aoetarget::Event& event : core.events)
        CHECK(event.repeats <= 5);
}

TEST_CASE("what a device does not do is no failure of it", "[core][health]") {
    aoetarget::Geometry geometry = geometry_of(256);
    geometry.discard = true;
    HealthFixture core(60s, geometry);
    core.fail_all(EOPNOTSUPP);
    CHECK(core.fails_with_answer(trim_request({{0, 8}})));
    CHECK(core.events.empty());
}

TEST_CASE("a flush that fails at the end of an export is told", "[core][health]") {
    HealthFixture core;
    core.fail_all(EIO);
    CHECK(core.core.remove_export({1, 1}));
    core.turn();
    CHECK(core.take_event(EventKind::flush_failed).find("before its end") != std::string::npos);
}
