// An export gets other options while it serves (Core::change_export()).
#include "core_fixture.hpp"
#include "support/catch.hpp"

#include <cerrno>

using namespace aoetest;
using namespace std::chrono_literals;
using aoetarget::ExportOptions;
using aoetarget::MacPattern;

namespace {

struct ChangeFixture : CoreFixture {
    explicit ChangeFixture(ExportOptions first = {.address = {1, 1}})
        : options(std::move(first)), disk(add_export_with(options, geometry_of(256))) {}

    /// Changes what `edit` does to the present options.
    template <typename Edit>
    void change(Edit edit) {
        edit(options);
        REQUIRE(core.change_export(options, now));
    }
    /// Passes the time of all copies of what is announced.
    void settle() {
        for (int i = 0; i < 5; ++i) {
            now += 200ms;
            turn();
        }
        take_advertisements();
    }
    bool is_silent(FakeLink& at, const Request& request) {
        const std::uint32_t tag = send(at, request);
        turn();
        return !answered(tag);
    }

    ExportOptions options;
    Disk& disk;
};

MacPattern exactly(const Mac& mac) {
    return {to_mac(mac), 6};
}

} // namespace

TEST_CASE("an export that leaves an interface does not exist there any more, and answers what it has taken",
          "[core][change]") {
    ChangeFixture core;
    FakeLink& other = core.add_link();
    core.disk.immediate = false;
    const std::uint32_t write = core.send(other, write_request(4, pattern(4, 2, 1)));
    core.turn();
    core.change([](ExportOptions& options) { options.interfaces = {"eth0"}; });
    CHECK(core.core.visible_addresses(core.link->id).size() == 1);
    CHECK(core.core.visible_addresses(other.id).empty());
    for (const Request& request : {config_request(), read_request(4, 2), identify_request(), mask_request()})
        CHECK(core.is_silent(other, request));
    CHECK(core.is_silent(other, config_request().to(every_shelf, every_slot)));
    core.disk.complete();
    core.turn();
    const auto answers = core.take(write);
    REQUIRE(answers.size() == 1);
    CHECK(answers[0].reply.succeeded());
    CHECK(answers[0].link == &other);
    core.disk.immediate = true;
    CHECK(core.ask(read_request(4, 2)).data() == pattern(4, 2, 1));
    core.change([](ExportOptions& options) { options.interfaces = {"no*"}; });
    CHECK(core.is_silent(*core.link, read_request(4, 2)));
    core.change([](ExportOptions& options) { options.interfaces = {}; });
    CHECK(core.ask(other, read_request(4, 2)).succeeded());
}

TEST_CASE("an export is advertised on the interfaces to which it comes, and only there", "[core][change]") {
    ChangeFixture core({.address = {1, 1}, .interfaces = {"eth0"}});
    FakeLink& second = core.add_link();
    FakeLink& third = core.add_link();
    core.settle();
    core.change([](ExportOptions& options) { options.interfaces = {"eth0", "eth1"}; });
    for (unsigned copy = 0; copy < 3; ++copy) {
        core.turn();
        core.now += 200ms;
    }
    const auto advertisements = core.take_advertisements();
    CHECK(advertisements.size() == 3);
    for (const auto& each : advertisements)
        CHECK(each.link == &second);
    core.change([](ExportOptions& options) { options.interfaces = {}; });
    core.turn();
    core.change([](ExportOptions& options) { options.interfaces = {"eth0"}; }); // before the second copy
    core.take_advertisements();
    core.settle();
    CHECK(core.take_advertisements().empty());
    CHECK(core.is_silent(third, config_request()));
}

TEST_CASE("the same list of interfaces changes nothing, though one has another name now", "[core][change]") {
    CoreFixture core;
    core.link->other_name = "storage";
    const ExportOptions options{.address = {1, 1}, .interfaces = {"storage"}};
    core.add_export_with(options, geometry_of(8));
    core.link->other_name.clear();
    CHECK(core.core.change_export(options, core.now));
    CHECK_FALSE(core.ask(config_request()).is_error());
    ExportOptions others = options;
    others.interfaces.emplace_back("eth7"); // so the present names count
    CHECK(core.core.change_export(others, core.now));
    core.expect_silence(config_request());
}

TEST_CASE("hosts that the new list does not allow find nothing, and those that it allows get to know",
          "[core][change]") {
    ChangeFixture core;
    core.settle();
    core.disk.immediate = false;
    const std::uint32_t write = core.send(write_request(4, pattern(4, 2, 1)).from(other_client_mac));
    core.turn();
    core.change([](ExportOptions& options) { options.allow = {exactly(client_mac)}; });
    CHECK(core.is_silent(*core.link, read_request(4, 2).from(other_client_mac)));
    core.disk.complete();
    core.turn();
    CHECK(core.reply(write).succeeded()); // it was taken before
    core.disk.immediate = true;
    CHECK(core.ask(read_request(4, 2)).data() == pattern(4, 2, 1));
    core.take_advertisements();
    core.change([](ExportOptions& options) { options.allow.push_back(exactly(other_client_mac)); });
    core.turn();
    CHECK(core.take_advertisements().size() == 2); // one for each
    CHECK(core.ask(read_request(4, 2).from(other_client_mac)).succeeded());
}

TEST_CASE("a write of a host that was shut out does not land later, when it is let in again",
          "[core][change]") {
    const bool by_interface = GENERATE(false, true);
    ChangeFixture core;
    core.now += 1s;
    core.turn();
    core.arrival = core.now - 10ms; // it waits in a socket
    const Request late = core.complete(*core.link, write_request(4, pattern(4, 2, 1)));
    const Request read = core.complete(*core.link, read_request(4, 2));
    const Bytes before = core.disk.sectors(4, 2);
    core.change([&](ExportOptions& options) {
        if (by_interface)
            options.interfaces = {"eth7"};
        else
            options.allow = {exactly(other_client_mac)};
    });
    core.change([](ExportOptions& options) {
        options.interfaces = {};
        options.allow = {};
    });
    core.now += 10ms;
    core.expect_silence(late);
    CHECK(core.stats().stale == 1);
    CHECK(core.ask(read).data() == before); // only changes are dropped
    core.arrival = core.now;
    CHECK(core.ask(late).succeeded()); // the host repeats it
}

TEST_CASE("a command that has waited longer than a change does not undo what the change shut out",
          "[core][change]") {
    ChangeFixture core;
    core.now += 1s;
    core.turn();
    const Request late = core.complete(*core.link, write_request(4, pattern(4, 2, 1)));
    core.change([](ExportOptions& options) { options.allow = {exactly(other_client_mac)}; });
    core.change([](ExportOptions& options) { options.allow = {}; });
    core.arrival = core.now - 20ms;
    CHECK(core.ask(reserve_request(reserve_set, {client_mac})).holder_count() == 1);
    core.arrival = core.now - 10ms;
    core.expect_silence(late);
    CHECK(core.stats().stale == 1);
}

TEST_CASE("nothing is dropped where nobody is shut out", "[core][change]") {
    ChangeFixture core({.address = {1, 1}, .allow = {exactly(client_mac)}});
    core.now += 1s;
    core.turn();
    core.arrival = core.now - 10ms;
    core.change([](ExportOptions& options) {
        options.allow.push_back(exactly(other_client_mac));
        options.fixed = true;
    });
    CHECK(core.ask(write_request(4, pattern(4, 2, 1))).succeeded());
    core.change([](ExportOptions& options) { options.allow = {}; });
    CHECK(core.ask(write_request(4, pattern(4, 2, 2))).succeeded());
    CHECK(core.stats().stale == 0);
}

TEST_CASE("a link that does not tell times has nothing that came before a change", "[core][change]") {
    ChangeFixture core;
    core.now += 1s; // since the last turn
    core.change([](ExportOptions& options) { options.allow = {exactly(client_mac)}; });
    CHECK(core.ask(write_request(4, pattern(4, 2, 1))).succeeded());
}

TEST_CASE("an export is fixed and freed while it serves, and keeps what initiators have set",
          "[core][change]") {
    ChangeFixture core;
    core.ask(config_request(ccmd_set, "mine"));
    core.ask(mask_request(mask_edit, {{directive_add, client_mac}}));
    core.change([](ExportOptions& options) {
        options.fixed = true;
        options.mask_list = {to_mac(other_client_mac)}; // not looked at
    });
    CHECK(core.ask(config_request(ccmd_force, "yours")).is_error());
    CHECK(core.ask(config_request()).config_text() == "mine");
    CHECK(core.ask(mask_request()).mask_list() == std::vector{client_mac});
    core.change([](ExportOptions& options) { options.fixed = false; });
    CHECK(core.ask(config_request(ccmd_force, "yours")).config_text() == "yours");
}

TEST_CASE("a shorter timeout counts for requests under way", "[core][change]") {
    const std::chrono::milliseconds before = GENERATE(0ms, 100s);
    ChangeFixture core({.address = {1, 1}, .device_timeout = before});
    core.settle();
    core.disk.immediate = false;
    const std::uint32_t old = core.send(read_request(4, 2));
    core.turn();
    core.now += 20s;
    core.turn();
    const std::uint32_t newer = core.send(read_request(8, 2));
    core.turn();
    core.now += 1s;
    core.turn();
    CHECK_FALSE(core.answered(old));
    core.change([](ExportOptions& options) { options.device_timeout = 10s; });
    REQUIRE(core.core.next_deadline());
    CHECK(*core.core.next_deadline() <= core.now + 10ms);
    core.turn();
    CHECK(core.reply(old).status() == status_fault);
    CHECK_FALSE(core.answered(newer));
    core.now += 9s - 1ms;
    core.turn();
    CHECK_FALSE(core.answered(newer));
    CHECK(*core.core.next_deadline() <= core.now + 10ms);
    core.now += 10ms;
    core.turn();
    CHECK(core.reply(newer).status() == status_fault);
    core.drain(core.disk);
    CHECK(core.stats().in_flight == 0);
}

TEST_CASE("a longer timeout, and none, count for requests under way that were not given up",
          "[core][change]") {
    const std::chrono::milliseconds after = GENERATE(0ms, 100s);
    ChangeFixture core({.address = {1, 1}, .device_timeout = 10s});
    core.settle();
    core.disk.immediate = false;
    const std::uint32_t given_up = core.send(read_request(4, 2));
    core.turn();
    core.now += 9s;
    core.turn();
    const std::uint32_t kept = core.send(read_request(8, 2));
    core.turn();
    core.now += 1s;
    core.turn();
    CHECK(core.reply(given_up).status() == status_fault);
    core.change([&](ExportOptions& options) { options.device_timeout = after; });
    core.now += 50s;
    core.turn();
    CHECK_FALSE(core.answered(kept));
    core.disk.complete(1);
    core.turn();
    CHECK(core.reply(kept).succeeded());
    core.drain(core.disk);
    CHECK_FALSE(core.answered(given_up)); // its late end is no answer
}

TEST_CASE("another silence counts from the first failure of the present trouble", "[core][change]") {
    ChangeFixture core({.address = {1, 1}, .silence_on_error = 60s});
    core.disk.error_of = [](const Disk::Io&) { return EIO; };
    CHECK(core.is_silent(*core.link, read_request(4, 2)));
    core.now += 20s;
    CHECK(core.is_silent(*core.link, read_request(4, 2)));
    core.change([](ExportOptions& options) { options.silence_on_error = 10s; });
    CHECK_FALSE(core.ask(read_request(4, 2)).succeeded());
    core.disk.error_of = nullptr;
    CHECK(core.ask(read_request(4, 2)).succeeded());
    core.change([](ExportOptions& options) { options.silence_on_error = 60s; });
    core.disk.error_of = [](const Disk::Io&) { return EIO; };
    core.now += 60s;
    CHECK(core.is_silent(*core.link, read_request(4, 2)));
}

TEST_CASE("only an export that is there can be changed", "[core][change]") {
    ChangeFixture core;
    CHECK_FALSE(core.core.change_export({.address = {1, 2}}, core.now));
    core.core.remove_export({1, 1});
    CHECK_FALSE(core.core.change_export({.address = {1, 1}}, core.now));
    core.turn();
}
