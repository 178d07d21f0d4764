// Commands 2 and 3: the MAC mask list, Reserve/Release, and the fence of both (lib/protocol/README.md,
// "Command 2: MAC mask list", "Command 3: Reserve/Release" and "The fence").
#include "core_fixture.hpp"
#include "support/catch.hpp"

using namespace aoetest;

namespace {

constexpr std::uint8_t bad_argument = 2, reserved = 6;
constexpr std::uint8_t mask_bad_directive = 2, mask_list_full = 3;

std::vector<Directive> additions(unsigned first, unsigned count) {
    std::vector<Directive> all;
    for (unsigned i = 0; i < count; ++i)
        all.push_back({directive_add, numbered_mac(first + i)});
    return all;
}

std::vector<Mac> macs(unsigned first, unsigned count) {
    std::vector<Mac> all;
    for (unsigned i = 0; i < count; ++i)
        all.push_back(numbered_mac(first + i));
    return all;
}

/// What fences a source off, and what lets it in again.
struct Fence {
    const char* name;
    Request closes, opens;
};
Fence by_mask() {
    return {"mask", mask_request(mask_edit, {{directive_add, client_mac}}).from(client_mac),
            mask_request(mask_edit, {{directive_add, other_client_mac}}).from(client_mac)};
}
Fence by_reserve() {
    return {"reserve", reserve_request(reserve_set, {client_mac}).from(client_mac),
            reserve_request(reserve_force, {}).from(client_mac)};
}
Fence by_force() {
    return {"force", reserve_request(reserve_force, {client_mac}).from(client_mac),
            reserve_request(reserve_force, {client_mac, other_client_mac}).from(client_mac)};
}

} // namespace

TEST_CASE("a mask list is read, added to and deleted from", "[core][mask]") {
    CoreFixture core;
    core.add_export();
    CHECK(core.ask(mask_request()).mask_list().empty());
    CHECK(core.ask(mask_request(mask_edit, {{directive_add, client_mac},
                                            {directive_add, numbered_mac(9)},
                                            {directive_none, numbered_mac(8)}}))
              .mask_list() == std::vector{client_mac, numbered_mac(9)});
    CHECK(core.ask(mask_request()).mask_list() == std::vector{client_mac, numbered_mac(9)});
    CHECK(core.ask(mask_request(mask_edit, {{directive_delete, numbered_mac(9)}})).mask_list() ==
          std::vector{client_mac});
    CHECK(core.ask(mask_request(mask_edit, {{directive_delete, client_mac}})).mask_list().empty());
}

TEST_CASE("adding an address that is listed and deleting one that is not both succeed", "[core][mask]") {
    CoreFixture core;
    core.add_export();
    core.ask(mask_request(mask_edit, {{directive_add, client_mac}}));
    const Reply reply =
        core.ask(mask_request(mask_edit, {{directive_add, client_mac}, {directive_delete, numbered_mac(9)}}));
    CHECK(reply.mask_error() == 0);
    CHECK(reply.mask_list() == std::vector{client_mac});
}

TEST_CASE("an edit stops at the first directive that fails, and the earlier ones stay in effect",
          "[core][mask]") {
    CoreFixture core;
    core.add_export();
    const Reply reply = core.ask(mask_request(
        mask_edit, {{directive_add, client_mac}, {3, numbered_mac(8)}, {directive_add, numbered_mac(9)}}));
    CHECK_FALSE(reply.is_error());
    CHECK(reply.mask_error() == mask_bad_directive);
    CHECK(reply.mask_count() == 1);
    CHECK(reply.bytes.size() == 60);
    CHECK(core.ask(mask_request()).mask_list() == std::vector{client_mac});
}

TEST_CASE("a mask list holds as many addresses as an answer on its link can carry", "[core][mask]") {
    struct Row {
        unsigned mtu, most;
    };
    const auto row = GENERATE(values<Row>({{1500, 185}, {9000, 255}}));
    CoreFixture core({.mtu = row.mtu});
    core.add_export();
    std::vector<Directive> all = additions(1, 150); // the sender is the first of them
    CHECK(core.ask(mask_request(mask_edit, all)).mask_count() == 150);
    all = additions(151, 150);
    const Reply reply = core.ask(mask_request(mask_edit, all));
    CHECK(reply.mask_error() == mask_list_full);
    CHECK(reply.mask_count() == row.most - 150);
    CHECK(core.ask(mask_request()).mask_list().size() == row.most);
}

TEST_CASE("a mask list that this link cannot carry is not cut", "[core][mask]") {
    CoreFixture core({.mtu = 1000});
    core.add_export();
    FakeLink& jumbo = core.add_link(9000);
    core.ask(jumbo, mask_request(mask_edit, additions(1, 200)));
    const Reply reply = core.ask(mask_request());
    CHECK(reply.mask_error() == 1);
    CHECK(core.ask(jumbo, mask_request()).mask_list().size() == 200);
}

TEST_CASE("mask requests that are malformed are bad arguments", "[core][mask]") {
    CoreFixture core;
    core.add_export();
    CHECK(core.ask(mask_request(2)).error() == bad_argument);
    CHECK(core.ask(mask_request(255)).error() == bad_argument);
    Request request = mask_request(mask_edit, {{directive_add, client_mac}});
    request.at(27) = 2;
    CHECK(core.ask(request).error() == bad_argument);
    CHECK(core.ask(mask_request()).mask_list().empty());
}

TEST_CASE("the answer to an edit that locks its sender out is still sent", "[core][mask]") {
    CoreFixture core;
    core.add_export();
    CHECK(core.ask(mask_request(mask_edit, {{directive_add, other_client_mac}})).mask_list() ==
          std::vector{other_client_mac});
    core.expect_silence(mask_request());
    CHECK(core.ask(mask_request().from(other_client_mac)).mask_list().size() == 1);
}

TEST_CASE("a reservation is read, set, refused, forced and released", "[core][reserve]") {
    CoreFixture core;
    core.add_export();
    CHECK(core.ask(reserve_request()).holders().empty());
    CHECK(core.ask(reserve_request(reserve_set, {client_mac})).holders() == std::vector{client_mac});

    const Reply refused = core.ask(reserve_request(reserve_set, {other_client_mac}).from(other_client_mac));
    CHECK(refused.error() == reserved);
    CHECK(refused.holders() == std::vector{client_mac});

    CHECK(core.ask(reserve_request().from(other_client_mac)).holders() == std::vector{client_mac});
    CHECK(core.ask(reserve_request(reserve_set, {client_mac, numbered_mac(7)})).holders().size() ==
          2); // a holder may
    CHECK(core.ask(reserve_request(reserve_force, {other_client_mac}).from(other_client_mac)).holders() ==
          std::vector{other_client_mac});
    CHECK(core.ask(reserve_request(reserve_set)).error() == reserved);
    CHECK(core.ask(reserve_request(reserve_set).from(other_client_mac)).holders().empty());
    CHECK(core.ask(reserve_request(reserve_set, macs(5, 3))).holders() == macs(5, 3)); // without oneself
    CHECK(core.ask(reserve_request(reserve_force)).holders().empty());
}

TEST_CASE("reserve requests that are malformed are bad arguments", "[core][reserve]") {
    CoreFixture core;
    core.add_export();
    CHECK(core.ask(reserve_request(3)).error() == bad_argument);
    Request request =
        reserve_request(GENERATE(values<std::uint8_t>({reserve_set, reserve_force})), {client_mac});
    request.at(25) = 2;
    CHECK(core.ask(request).error() == bad_argument);
    CHECK(core.ask(reserve_request()).holders().empty());
}

TEST_CASE("a reservation holds as many addresses as an answer can carry", "[core][reserve]") {
    CoreFixture core;
    core.add_export();
    CHECK(core.ask(reserve_request(reserve_force, macs(1, 248))).holders().size() == 248);
    Request request = reserve_request(reserve_force, macs(1, 248));
    request.at(25) = 249;
    CHECK(core.ask(request).error() == bad_argument);
    FakeLink& jumbo = core.add_link(9000);
    CHECK(core.ask(jumbo, reserve_request(reserve_force, macs(1, 255))).holders().size() == 255);
    CHECK(core.ask(reserve_request()).error() == bad_argument);
    const Reply untold = core.ask(reserve_request(reserve_set).from(numbered_mac(1000)));
    CHECK(untold.error() == reserved);
    CHECK(untold.rcmd() == reserve_set);
    CHECK(untold.holder_count() == 0);
    CHECK(core.ask(jumbo, reserve_request()).holders().size() == 255);
}

TEST_CASE("a reservation does not touch Query Config, masks and other exports", "[core][reserve]") {
    CoreFixture core;
    core.add_export(geometry_of(8), {1, 1});
    core.add_export(geometry_of(8), {1, 2});
    core.ask(reserve_request(reserve_set, {other_client_mac}).from(other_client_mac));
    CHECK(core.ask(read_request(0, 1)).error() == reserved);
    CHECK_FALSE(core.ask(config_request()).is_error());
    CHECK_FALSE(core.ask(mask_request()).is_error());
    CHECK_FALSE(core.ask(read_request(0, 1).to(1, 2)).is_error());
}

TEST_CASE("a host that is fenced off has no write under way when the fence is answered", "[core][fence]") {
    const Fence fence = GENERATE(by_mask(), by_reserve(), by_force());
    CAPTURE(fence.name);
    CoreFixture core;
    Disk& disk = core.add_export();
    disk.immediate = false;
    const std::uint32_t write = core.send(write_request(4, pattern(4, 1, 1)).from(other_client_mac));
    const std::uint32_t queued =
        core.send(write_request(4, pattern(4, 1, 2)).from(other_client_mac)); // behind it
    core.turn();
    const std::uint32_t closing = core.send(fence.closes);
    core.turn();
    CHECK_FALSE(core.answered(closing));

    // Refused at once, while the answer to the fence is still to come.
    const std::uint32_t late = core.send(write_request(8, pattern(8, 1, 3)).from(other_client_mac));
    core.turn();
    for (const Reply& reply : core.replies(late))
        CHECK(reply.error() == reserved);

    disk.complete();
    core.turn();
    CHECK(core.reply(write).succeeded());
    CHECK_FALSE(core.answered(closing));
    REQUIRE(disk.pending.size() == 1);
    disk.complete();
    core.turn();
    CHECK(core.reply(queued).succeeded());
    CHECK_FALSE(core.reply(closing).is_error());
    CHECK(disk.pending.empty());
    CHECK(disk.sectors(8) == pattern(8, 1));
}

TEST_CASE("a fence waits neither for reads nor for writes of hosts that it does not exclude",
          "[core][fence]") {
    const Fence fence = GENERATE(by_mask(), by_reserve(), by_force());
    CAPTURE(fence.name);
    CoreFixture core;
    Disk& disk = core.add_export();
    disk.immediate = false;
    core.send(write_request(0, pattern(0, 1)).from(client_mac)); // not excluded
    core.send(read_request(8, 1).from(other_client_mac));        // changes nothing
    core.turn();
    const std::uint32_t closing = core.send(fence.closes);
    core.turn();
    CHECK(core.answered(closing));
    disk.complete();
    disk.complete();
    core.turn();
}

TEST_CASE("a fence waits for the discards of hosts that it excludes", "[core][fence]") {
    aoetarget::Geometry geometry = geometry_of(256);
    geometry.discard = true;
    CoreFixture core;
    Disk& disk = core.add_export(geometry);
    disk.immediate = false;
    core.send(trim_request({{0, 8}, {100, 8}}).from(other_client_mac));
    core.turn();
    const std::uint32_t closing = core.send(by_force().closes);
    disk.complete();
    core.turn();
    CHECK_FALSE(core.answered(closing));
    disk.complete();
    core.turn();
    CHECK(core.answered(closing));
}

TEST_CASE("a fence is answered even when the write that it waits for fails or is dropped", "[core][fence]") {
    const int error = GENERATE(EIO, EAGAIN);
    CoreFixture core;
    Disk& disk = core.add_export();
    disk.immediate = false;
    core.send(write_request(0, pattern(0, 1)).from(other_client_mac));
    core.turn();
    const std::uint32_t closing = core.send(by_force().closes);
    disk.fail(error);
    core.turn();
    CHECK(core.answered(closing));
}

TEST_CASE("fences that wait together are answered in order, with the list that each left", "[core][fence]") {
    CoreFixture core;
    Disk& disk = core.add_export();
    disk.immediate = false;
    core.send(write_request(0, pattern(0, 1)).from(other_client_mac));
    core.turn();
    const std::uint32_t one = core.send(reserve_request(reserve_force, {client_mac}));
    const std::uint32_t two = core.send(reserve_request(reserve_force, {client_mac, numbered_mac(9)}));
    core.turn();
    CHECK_FALSE(core.answered(one));
    CHECK_FALSE(core.answered(two));
    disk.complete();
    core.turn();
    CHECK(core.reply(one).holders().size() == 1);
    CHECK(core.reply(two).holders().size() == 2);
}

TEST_CASE("a fence that is lifted again is answered in the end", "[core][fence]") {
    const Fence fence = GENERATE(by_mask(), by_reserve(), by_force());
    CAPTURE(fence.name);
    CoreFixture core;
    Disk& disk = core.add_export();
    disk.immediate = false;
    core.send(write_request(0, pattern(0, 1)).from(other_client_mac));
    core.turn();
    const std::uint32_t closing = core.send(fence.closes);
    const std::uint32_t opening = core.send(fence.opens);
    core.turn();
    CHECK(core.answered(opening));
    disk.complete();
    core.turn();
    CHECK(core.answered(closing));
    const std::uint32_t again = core.send(write_request(0, pattern(0, 1, 2)).from(other_client_mac));
    core.turn();
    disk.complete();
    core.turn();
    CHECK(core.reply(again).succeeded());
}

TEST_CASE("more fences than can wait are not taken, and none is answered too early", "[core][fence]") {
    CoreFixture core;
    Disk& disk = core.add_export();
    disk.immediate = false;
    core.send(write_request(0, pattern(0, 1)).from(other_client_mac));
    core.turn();
    std::vector<std::uint32_t> tags;
    for (int i = 0; i < 20; ++i)
        tags.push_back(core.send(GENERATE(by_mask(), by_force()).closes));
    core.turn();
    for (const std::uint32_t tag : tags)
        CHECK_FALSE(core.answered(tag));
    disk.complete();
    core.turn();
    const auto answered =
        std::count_if(tags.begin(), tags.end(), [&](std::uint32_t tag) { return core.answered(tag); });
    CHECK(answered == 16);
    CHECK(core.stats().dropped == 4);
    CHECK(core.acted_upon()); // no frame that the link would count as foreign
}

TEST_CASE("a question that finds no place to wait for a fence is counted", "[core][fence]") {
    CoreFixture core;
    Disk& disk = core.add_export();
    disk.immediate = false;
    core.send(write_request(0, pattern(0, 1)).from(other_client_mac));
    core.turn();
    for (int i = 0; i < 16; ++i)
        core.send(by_force().closes);
    core.send(reserve_request(reserve_read, {}));
    CHECK(core.stats().dropped == 1);
    core.drain(disk);
    core.forget();
}

TEST_CASE("a retransmission of a fence is no way around it", "[core][fence]") {
    CoreFixture core;
    Disk& disk = core.add_export();
    disk.immediate = false;
    core.send(write_request(0, pattern(0, 1)).from(other_client_mac));
    core.turn();
    const Request fence = core.complete(*core.link, by_force().closes);
    core.send(fence);
    core.send(fence);
    const std::uint32_t read = core.send(reserve_request()); // nor is looking at the list
    core.turn();
    CHECK_FALSE(core.answered(*fence.tag));
    disk.complete();
    core.turn();
    CHECK(core.replies(*fence.tag).size() == 2);
    CHECK(core.answered(read));
}

TEST_CASE("a fence whose link has gone holds nothing back", "[core][fence]") {
    CoreFixture core;
    Disk& disk = core.add_export();
    FakeLink& second = core.add_link();
    disk.immediate = false;
    core.send(write_request(0, pattern(0, 1)).from(other_client_mac));
    core.turn();
    const std::uint32_t gone = core.send(second, by_force().closes);
    const std::uint32_t stays = core.send(by_force().closes);
    core.remove_link(second);
    disk.complete();
    core.turn();
    CHECK_FALSE(core.answered(gone));
    CHECK(core.answered(stays));
}
