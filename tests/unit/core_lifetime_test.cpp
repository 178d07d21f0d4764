// Links, MTUs and exports that come and go while requests are under way. No slot and no memory may be lost.
#include "core_fixture.hpp"
#include "support/catch.hpp"

#include <cerrno>

using namespace aoetest;

TEST_CASE("requests of a link that has gone are finished and not answered", "[core][lifetime]") {
    CoreFixture core;
    FakeLink& second = core.add_link();
    Disk& disk = core.add_export();
    disk.immediate = false;
    const std::uint32_t write = core.send(second, write_request(4, pattern(4, 2, 1)));
    const std::uint32_t queued = core.send(second, write_request(5, pattern(5, 2, 2)));
    const std::uint32_t read = core.send(second, read_request(100, 2));
    const std::uint32_t other = core.send(write_request(6, pattern(6, 2, 3)));
    core.turn();
    core.remove_link(second);
    core.drain(disk);
    for (const std::uint32_t tag : {write, queued, read})
        CHECK_FALSE(core.answered(tag));
    CHECK(core.reply(other).succeeded());
    CHECK(disk.sectors(4) == pattern(4, 1, 1));
    CHECK(disk.sectors(5) == pattern(5, 1, 2));
    CHECK(disk.sectors(6, 2) == pattern(6, 2, 3));
    CHECK(second.all_slots_free());
    CHECK(core.stats().ata_errors == 0);
}

TEST_CASE("a copy that came by another link is answered there though the first link has gone",
          "[core][lifetime]") {
    CoreFixture core;
    FakeLink& second = core.add_link();
    Disk& disk = core.add_export();
    disk.immediate = false;
    const Request request = core.complete(*core.link, write_request(4, pattern(4, 2, 1)));
    core.send(second, request);
    core.turn();
    core.send(request);
    core.remove_link(second);
    core.drain(disk);
    const auto answers = core.take(*request.tag);
    REQUIRE(answers.size() == 1);
    CHECK(answers[0].link == core.link);
}

TEST_CASE("an export of a read-only device ends without a flush", "[core][lifetime]") {
    CoreFixture core;
    aoetarget::Geometry geometry = geometry_of(8);
    geometry.read_only = true;
    Disk& disk = core.add_export(geometry);
    disk.immediate = false;
    const std::uint32_t tag = core.send(read_request(0, 1));
    core.turn();
    CHECK(core.core.remove_export({1, 1}));
    core.turn();
    CHECK(disk.exists); // the read is still under way
    core.drain(disk);
    CHECK(core.reply(tag).succeeded());
    CHECK_FALSE(disk.exists);
    CHECK(disk.operations == 1);
}

TEST_CASE("a read whose answer does not fit any more is aborted", "[core][lifetime]") {
    CoreFixture core({.mtu = 9000});
    Disk& disk = core.add_export();
    disk.immediate = false;
    const std::uint32_t large = core.send(read_request(0, 17));
    const std::uint32_t small = core.send(read_request(100, 2));
    core.turn();
    core.link->mtu_now = 1500;
    core.drain(disk);
    const Reply reply = core.reply(large);
    CHECK(reply.status() == status_error);
    CHECK(reply.ata_error() == error_abort);
    CHECK(reply.count() == 17);
    CHECK(reply.bytes.size() == 60);
    CHECK(core.reply(small).data() == pattern(100, 2));
    CHECK(core.stats().ata_errors == 1);
}

TEST_CASE("in place of an answer that the link refused as too long goes an abort", "[core][lifetime]") {
    CoreFixture core({.mtu = 9000});
    Disk& disk = core.add_export();
    disk.immediate = false;
    const Request request = core.complete(*core.link, read_request(5, 17));
    core.send(request);
    core.turn();
    core.link->mtu_now = 1500;

    Request refused = request; // what the link could not send
    refused.destination = request.source;
    refused.source = core.link->address;
    refused.flags = flag_response;
    refused.at(26) = 0;
    refused.at(27) = status_good;
    refused.argument.resize(12 + 17 * sector_bytes, 0xAB);
    auto slot = core.link->receive(refused.encode());
    REQUIRE(slot);
    core.core.undeliverable(core.link->id, std::move(*slot));

    const Reply reply = core.reply(*request.tag);
    CHECK(reply.status() == status_error);
    CHECK(reply.ata_error() == error_abort);
    CHECK(reply.count() == 17);
    disk.fail(EAGAIN);
    core.turn();
}

TEST_CASE("an export that is removed finishes its requests under way and then goes away",
          "[core][lifetime]") {
    CoreFixture core;
    Disk& disk = core.add_export();
    disk.immediate = false;
    const std::uint32_t write = core.send(write_request(4, pattern(4, 2, 1)));
    const std::uint32_t read = core.send(read_request(4, 2));
    core.turn();
    CHECK(core.core.remove_export({1, 1}));
    CHECK_FALSE(core.core.remove_export({1, 1}));
    CHECK_FALSE(core.core.has_export({1, 1}));
    core.expect_silence(config_request());
    CHECK(disk.exists);
    core.drain(disk);
    CHECK(core.reply(write).succeeded());
    CHECK(core.reply(read).data() == pattern(4, 2, 1));
    CHECK_FALSE(disk.exists);
}

TEST_CASE("an address is free again as soon as its export is removed", "[core][lifetime]") {
    CoreFixture core;
    Disk& old = core.add_export();
    old.immediate = false;
    const std::uint32_t write = core.send(write_request(4, pattern(4, 2, 1)));
    core.turn();
    core.core.remove_export({1, 1});
    Disk& fresh = core.add_export(64);
    CHECK(Identify(core.ask(identify_request()).data()).sectors_48() == 64);
    core.drain(old);
    CHECK(core.reply(write).succeeded());
    CHECK_FALSE(old.exists);
    CHECK(fresh.exists);
    CHECK(fresh.sectors(4, 2) == pattern(4, 2));
}

TEST_CASE("an export that is removed while fences wait answers them first", "[core][lifetime]") {
    CoreFixture core;
    Disk& disk = core.add_export();
    disk.immediate = false;
    core.send(write_request(4, pattern(4, 2, 1)).from(other_client_mac));
    core.turn();
    const std::uint32_t fence = core.send(reserve_request(reserve_force, {client_mac}));
    core.core.remove_export({1, 1});
    core.turn();
    CHECK_FALSE(core.answered(fence));
    core.drain(disk);
    CHECK(core.answered(fence));
}

TEST_CASE("a link that takes the place of one that has gone gets none of its answers", "[core][lifetime]") {
    CoreFixture core;
    FakeLink& first = core.add_link();
    Disk& disk = core.add_export();
    disk.immediate = false;
    const std::uint32_t read = core.send(first, read_request(100, 2));
    core.turn();
    core.remove_link(first);
    FakeLink& next = core.add_link();
    CHECK(next.id != first.id);
    core.remove_link(first); // again, which is not the new one
    core.drain(disk);
    CHECK_FALSE(core.answered(read));
    CHECK(core.ask(next, config_request()).slot() == 1);
}

TEST_CASE("links let in the addresses of all exports that somebody sees", "[core][lifetime]") {
    CoreFixture core;
    CHECK(core.core.visible_addresses({"eth0"}).empty());
    for (const aoetarget::Address address : {aoetarget::Address{7, 1}, {3, 9}, {7, 0}, {65534, 254}})
        core.add_export(geometry_of(8), address);
    using Addresses = std::vector<aoetarget::Address>;
    CHECK(core.core.visible_addresses({"eth0"}) == Addresses{{3, 9}, {7, 0}, {7, 1}, {65534, 254}});
    core.core.remove_export({3, 9});
    CHECK(core.core.visible_addresses({"eth0"}) == Addresses{{7, 0}, {7, 1}, {65534, 254}});
    core.ask(mask_request(mask_edit, {{directive_add, other_client_mac}}).to(7, 0));
    CHECK(core.core.visible_addresses({"eth0"}) == Addresses{{7, 0}, {7, 1}, {65534, 254}});
    core.core.close();
    CHECK(core.core.visible_addresses({"eth0"}).empty());
}

TEST_CASE("requests in every state end when the core is closed", "[core][lifetime]") {
    CoreFixture core({.bounce_buffers = 1});
    Disk& disk = core.add_export(geometry_of(256, 4096));
    disk.immediate = false;
    std::vector<std::uint32_t> tags;
    for (unsigned i = 0; i < 4; ++i) {
        tags.push_back(core.send(
            write_request(16 * i + 1, pattern(16 * i + 1, 1, 1)))); // one is patched, three want a buffer
        tags.push_back(core.send(write_request(16 * i + 1, pattern(16 * i + 1, 2, 2)))); // blocked
    }
    core.turn();
    tags.push_back(core.send(read_request(200, 2))); // not even started
    core.core.close();
    core.drain(disk);
    CHECK(core.core.idle());
    for (const std::uint32_t tag : tags)
        CHECK(core.reply(tag).succeeded());
    CHECK(disk.log.back().op == Disk::Op::flush);
    CHECK(core.stats().in_flight == 0);
}

TEST_CASE("requests of several links to one export are all answered", "[core][lifetime]") {
    CoreFixture core({.slots = 160});
    FakeLink& second = core.add_link(1500, 160);
    Disk& disk = core.add_export();
    disk.immediate = false;
    std::vector<std::uint32_t> tags;
    for (std::uint32_t i = 0; i < 40; ++i) {
        tags.push_back(core.send(write_request(i % 8, pattern(0, 1, 2 * i))));
        tags.push_back(core.send(second, write_request(i % 8, pattern(0, 1, 2 * i + 1))));
    }
    CHECK(core.stats().in_flight == 80);
    core.drain(disk);
    for (const std::uint32_t tag : tags)
        CHECK(core.reply(tag).succeeded());
    CHECK(core.stats().in_flight == 0);
}

TEST_CASE("an export whose device has never ended anything holds a part of a link's slots and no more",
          "[core][lifetime]") {
    CoreFixture core({.slots = 40});
    Disk& hung = core.add_export();
    core.add_export(geometry_of(8), address_of(1, 2));
    hung.immediate = false;
    for (std::uint32_t i = 0; i < 30; ++i)
        core.send(write_request(i % 8, pattern(0, 1, i)));
    CHECK(core.stats().in_flight == 10 + 20 / 5); // its quota, and of the rest a quarter of what is left
    CHECK(core.stats().overload == 16);
    const std::uint32_t tag = core.send(read_request(0, 1).to(1, 2));
    core.turn();
    CHECK(core.reply(tag).succeeded());
    core.drain(hung);
    CHECK(core.stats().in_flight == 0);
}

TEST_CASE("an export whose device hangs holds no more when links come and go", "[core][lifetime]") {
    CoreFixture core;
    Disk& hung = core.add_export();
    core.add_export(geometry_of(8), address_of(1, 2));
    hung.immediate = false;
    for (int round = 0; round < 4; ++round) {
        FakeLink& link = core.add_link();
        for (std::uint32_t i = 0; i < 40; ++i)
            core.send(link, write_request(i % 8, pattern(0, 1, i)));
        core.turn();
        core.remove_link(link);
    }
    const std::uint32_t tag = core.send(read_request(0, 1).to(1, 2));
    core.turn();
    CHECK(core.reply(tag).succeeded());
    core.drain(hung);
}

TEST_CASE("devices take time that complete after the next turn, and are forgiven after a while",
          "[core][lifetime]") {
    CoreFixture core;
    Disk& disk = core.add_export();
    core.ask(read_request(0, 1));
    CHECK_FALSE(core.core.devices_take_time());

    disk.immediate = false;
    const std::uint32_t tag = core.send(read_request(0, 1));
    core.turn();
    disk.complete();
    core.turn();
    CHECK(core.answered(tag));
    CHECK_FALSE(core.core.devices_take_time()); // as the page cache does it

    core.send(read_request(0, 1));
    core.turn();
    core.turn();
    disk.complete();
    core.turn();
    CHECK(core.core.devices_take_time());
    disk.immediate = true;
    for (int turn = 0; turn < 100; ++turn)
        core.turn();
    CHECK_FALSE(core.core.devices_take_time());
    core.forget();
}

TEST_CASE("no payload of a small frame crosses a page", "[core][pool]") {
    const aoetarget::core::FramePool::Layout small{.slots = 16, .frame_bytes = 1518};
    CHECK(small.slot_bytes() == 2048);
    const aoetarget::core::FramePool::Layout jumbo{.slots = 16, .frame_bytes = 9018};
    CHECK(jumbo.slot_bytes() == 12288); // it crosses pages anyway: only whole pages
    const aoetarget::core::FramePool::Layout pages{
        .slots = 16, .frame_bytes = 1518, .payload_alignment = 4096};
    CHECK(pages.slot_bytes() == 8192); // a page up to the payload, and one for it
}
