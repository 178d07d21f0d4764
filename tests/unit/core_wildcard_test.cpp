// Requests that are addressed to many exports (lib/protocol/README.md, "Building an answer"): every one of
// them answers, once, however few slots there are.
#include "core_fixture.hpp"
#include "support/catch.hpp"

#include <set>

using namespace aoetest;

namespace {

void add_exports(CoreFixture& core, unsigned number) {
    for (unsigned i = 0; i < number; ++i)
        core.add_export(geometry_of(8), address_of(i / 200, i % 200));
}

/// What became of the announcements is not of interest here.
void settle(CoreFixture& core) {
    for (int i = 0; i < 4; ++i) {
        core.now += std::chrono::seconds(1);
        core.turn();
        for (const auto& link : core.links)
            link->finish_sending();
    }
    core.take_advertisements();
}

/// Turns until nothing more comes. Returns how often that was.
unsigned turn_until_quiet(CoreFixture& core) {
    unsigned turns = 0;
    for (std::size_t before = core.answers() + 1; before != core.answers(); ++turns) {
        before = core.answers();
        for (const auto& link : core.links)
            link->finish_sending();
        core.turn();
    }
    for (const auto& link : core.links)
        link->finish_sending();
    return turns;
}

std::set<unsigned> addresses(const std::vector<Reply>& replies) {
    std::set<unsigned> all;
    for (const Reply& reply : replies)
        all.insert(unsigned{reply.shelf()} << 8 | reply.slot());
    return all;
}

} // namespace

TEST_CASE("every export that a wildcard means answers once", "[core][wildcard]") {
    struct Row {
        std::uint16_t shelf;
        std::uint8_t slot;
        std::set<unsigned> meant;
    };
    const auto row = GENERATE(values<Row>({{every_shelf, every_slot, {0x101, 0x102, 0x201, 0x305}},
                                           {1, every_slot, {0x101, 0x102}},
                                           {every_shelf, 1, {0x101, 0x201}},
                                           {every_shelf, 5, {0x305}},
                                           {every_shelf, 9, {}},
                                           {4, every_slot, {}}}));
    CoreFixture core;
    for (const aoetarget::Address address : {aoetarget::Address{3, 5}, {1, 2}, {2, 1}, {1, 1}})
        core.add_export(geometry_of(8), address);
    settle(core);
    const Request request = GENERATE(config_request(), identify_request(), read_request(0, 1),
                                     flush_request(), reserve_request());
    const std::uint32_t tag = core.send(Request(request).to(row.shelf, row.slot));
    CHECK(core.acted_upon() == !row.meant.empty());
    core.turn();
    const std::vector<Reply> replies = core.replies(tag);
    CHECK(addresses(replies) == row.meant);
    CHECK(replies.size() == row.meant.size());
}

TEST_CASE("a command that changes data is not carried out for a wildcard", "[core][wildcard]") {
    aoetarget::Geometry geometry = geometry_of(256);
    geometry.discard = geometry.volatile_cache = true;
    CoreFixture core;
    Disk& disk = core.add_export(geometry);
    Request request = GENERATE(write_request(0, pattern(0, 1)), write_request(0, pattern(0, 1), 0x3D),
                               write_request(0, pattern(0, 1), 0x30), trim_request({{0, 8}}),
                               ata_request(ata::set_features, 0x82));
    core.expect_silence(request.to(GENERATE(values<std::uint16_t>({1, every_shelf})), every_slot));
    CHECK_FALSE(core.acted_upon());
    CHECK(disk.log.empty());
}

TEST_CASE("a wildcard waits for slots and continues where it stopped", "[core][wildcard]") {
    const unsigned exports = GENERATE(3u, 4u, 5u, 17u);
    CoreFixture core({.slots = 4});
    core.link->slow = true;
    add_exports(core, exports);
    settle(core);
    const std::uint32_t tag = core.send(config_request().to(every_shelf, every_slot));
    turn_until_quiet(core);
    const std::vector<Reply> replies = core.replies(tag);
    CHECK(replies.size() == exports);
    CHECK(addresses(replies).size() == exports);
}

TEST_CASE("a thousand exports answer one request through a few slots", "[core][wildcard]") {
    CoreFixture core({.slots = 16});
    core.link->slow = true;
    add_exports(core, 1000);
    settle(core);
    const Request request = GENERATE(config_request(), identify_request(), read_request(0, 2));
    const std::uint32_t tag = core.send(Request(request).to(every_shelf, every_slot));
    turn_until_quiet(core);
    const std::vector<Reply> replies = core.replies(tag);
    CHECK(replies.size() == 1000);
    CHECK(addresses(replies).size() == 1000);
}

TEST_CASE("an export that the host does not see takes no copy of a wildcard", "[core][wildcard]") {
    CoreFixture core;
    core.link->slow = true;
    for (const unsigned slot : {1U, 2U, 3U}) {
        aoetarget::ExportOptions options;
        options.address = address_of(1, slot);
        if (slot != 2)
            options.mask_list = {to_mac(other_client_mac)};
        core.add_export_with(options, geometry_of(8));
    }
    settle(core);
    std::vector<aoetarget::core::FrameSlot> taken;
    while (core.link->free_slots() > 1)
        taken.push_back(*core.link->pool().take());
    const std::uint32_t tag = core.send(config_request().to(1, every_slot)); // takes the last slot
    CHECK(addresses(core.replies(tag)) == std::set<unsigned>{0x102});
    core.link->finish_sending();
    const std::uint32_t hidden = core.send(config_request().to(3, every_slot));
    CHECK_FALSE(core.acted_upon());
    core.turn();
    CHECK_FALSE(core.answered(hidden));
}

TEST_CASE("several wildcards wait side by side and all are answered in full", "[core][wildcard]") {
    CoreFixture core({.slots = 8});
    core.link->slow = true;
    add_exports(core, 50);
    settle(core);
    std::vector<aoetarget::core::FrameSlot> taken;
    while (core.link->free_slots() > 1)
        taken.push_back(*core.link->pool().take());
    std::vector<std::uint32_t> tags;
    for (int i = 0; i < 4; ++i) {
        tags.push_back(core.send(config_request().to(every_shelf, every_slot))); // takes the last slot
        taken.pop_back();
    }
    taken.clear();
    turn_until_quiet(core);
    for (const std::uint32_t tag : tags) {
        const std::vector<Reply> replies = core.replies(tag);
        CHECK(replies.size() == 50);
        CHECK(addresses(replies).size() == 50);
    }
    CHECK(core.core.out_of_slots() == 0);
}

TEST_CASE("a waiting wildcard survives exports that come and go", "[core][wildcard]") {
    CoreFixture core({.slots = 2});
    core.link->slow = true;
    for (const unsigned slot : {10U, 20U, 30U, 40U, 50U})
        core.add_export(geometry_of(8), address_of(1, slot));
    settle(core);
    const std::uint32_t tag = core.send(config_request().to(1, every_slot)); // 10 has answered; 20 is next
    core.core.remove_export({1, 20});
    core.core.remove_export({1, 50});
    core.add_export(geometry_of(8), {1, 5});
    turn_until_quiet(core);
    const std::set<unsigned> answered = addresses(core.replies(tag));
    for (const unsigned slot : {10u, 30u, 40u})
        CHECK(answered.contains(0x100 | slot));
    CHECK_FALSE(answered.contains(0x100 | 20u));
    settle(core);
}

TEST_CASE("a waiting wildcard is forgotten when all that it meant have gone", "[core][wildcard]") {
    CoreFixture core({.slots = 2});
    core.link->slow = true;
    for (const unsigned slot : {1U, 2U, 3U})
        core.add_export(geometry_of(8), address_of(1, slot));
    settle(core);
    core.send(config_request().to(1, every_slot));
    for (const unsigned slot : {2U, 3U})
        core.core.remove_export(address_of(1, slot));
    turn_until_quiet(core);
    CHECK(core.link->all_slots_free());
}

TEST_CASE("a waiting wildcard ends when its link has gone", "[core][wildcard]") {
    CoreFixture core({.slots = 2});
    core.link->slow = true;
    add_exports(core, 5);
    settle(core);
    const Request request = GENERATE(config_request(), identify_request(), read_request(0, 1));
    core.send(Request(request).to(every_shelf, every_slot));
    core.remove_link(*core.link);
    const std::size_t before = core.answers();
    turn_until_quiet(core);
    CHECK(core.answers() == before);
    CHECK(core.link->all_slots_free());
}

TEST_CASE("close() ends the waiting wildcards: a closed export takes no request", "[core][wildcard]") {
    CoreFixture core({.slots = 2});
    core.link->slow = true;
    add_exports(core, 5);
    settle(core);
    core.send(read_request(0, 1).to(every_shelf, every_slot));
    CHECK(core.core.out_of_slots() == 0);
    core.core.close();
    CHECK(core.core.out_of_slots() == 1);
    for (const Disk& disk : core.disks)
        CHECK(disk.log.empty());
    turn_until_quiet(core);
    for (const Disk& disk : core.disks) {
        REQUIRE_FALSE(disk.log.empty());
        CHECK(disk.log.back().op == Disk::Op::flush); // nothing comes after the last flush
    }
}

TEST_CASE("wildcards beyond the limit are dropped and counted", "[core][wildcard]") {
    constexpr unsigned limit = 16;
    CoreFixture core({.slots = 4 * limit});
    core.link->slow = true;
    add_exports(core, 3);
    settle(core);
    std::vector<aoetarget::core::FrameSlot> taken;
    while (core.link->free_slots() > 1)
        taken.push_back(*core.link->pool().take());
    for (unsigned i = 0; i < limit + 3; ++i) {
        core.send(config_request().to(every_shelf, every_slot)); // takes the last slot
        if (!taken.empty())
            taken.pop_back();
    }
    CHECK(core.core.out_of_slots() == 3);
    taken.clear();
    turn_until_quiet(core);
    CHECK(core.link->all_slots_free());
}

TEST_CASE("wildcards that wait for a slot leave exports what they own", "[core][wildcard]") {
    CoreFixture core({.slots = 16});
    core.link->slow = true;
    add_exports(core, 2);
    settle(core);
    std::vector<aoetarget::core::FrameSlot> taken;
    while (core.link->free_slots() > 1)
        taken.push_back(*core.link->pool().take());
    std::size_t most = 0;
    for (unsigned i = 0; i < 15; ++i) {
        core.send(config_request().to(every_shelf, every_slot)); // takes the last slot
        taken.pop_back();
        most = std::max(most, core.link->pool().use().slots.held());
    }
    CHECK(most == 16 - 2 * (4 + 1));
    CHECK(core.core.out_of_slots() > 0);
    turn_until_quiet(core);
    CHECK(core.link->all_slots_free());
    CHECK(core.link->pool().use().slots.held() == 0);
}
