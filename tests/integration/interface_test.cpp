// Interfaces that are small, large, loopback, or come and go (lib/protocol/README.md, "Sectors in a frame";
// lib/net/README.md, "Interfaces that come and go", lib/README.md, "Answers fit" and "Faults are weather").
#include "catch.hpp"
#include "scene.hpp"

#include <atomic>
#include <random>
#include <thread>

using namespace aoetest;

namespace {

bool is_abort(const Reply& reply) {
    return reply.status() == status_error && reply.ata_error() == error_abort;
}

} // namespace

TEST_CASE("lo is served, with its zero addresses and up to 127 sectors per frame", "[interface][mtu]") {
    enter_test_network();
    set_link("lo", true);
    const ImageFile image(1024);
    RawClient client("lo", "lo");
    const TargetProcess target({"lo"}, {export_argument(9, 0, image.path())});
    client.set_sentinel(config_request().to(9, 0));
    REQUIRE(client.mac() == zero_mac);
    CHECK(client.ask(config_request().to(9, 0)).sectors_per_frame() == 120);
    CHECK(client.ask(identify_request().to(9, 0)).succeeded());
    for (const unsigned count : {1u, 2u, 8u, 126u, 127u})
        CHECK(client.ask(read_request(100, static_cast<std::uint8_t>(count)).to(9, 0)).data() ==
              pattern(100, count));
    CHECK(is_abort(client.ask(read_request(0, 128).to(9, 0))));
    const Bytes data = pattern(300, 127, 1);
    CHECK(client.ask(write_request(300, data).to(9, 0)).succeeded());
    CHECK(client.ask(read_request(300, 127).to(9, 0)).data() == data);
    CHECK(client.ask_all(config_request().to(every_shelf, every_slot), 1).size() == 1);
}

TEST_CASE("MTU 9000 carries 17 sectors both ways, and 18 are aborted", "[interface][mtu]") {
    JumboScene scene(9000);
    CHECK(scene.client.ask(config_request()).sectors_per_frame() == 16);
    CHECK(scene.client.read(1, 17) == pattern(1, 17));
    scene.client.write(33, pattern(33, 17, 1));
    CHECK(scene.client.read(33, 17) == pattern(33, 17, 1));
    CHECK(is_abort(scene.client.ask(read_request(0, 18))));
}

TEST_CASE("the next query picks up a change of the MTU", "[interface][mtu]") {
    JumboScene scene(9000);
    for (const auto& [mtu, sectors] : {std::pair(1500u, 2u), std::pair(4200u, 8u), std::pair(1000u, 1u),
                                       std::pair(9000u, 16u), std::pair(1500u, 2u)}) {
        CAPTURE(mtu);
        scene.wire.set_mtu(mtu);
        // An XDP lane's frames come by another way than the news, so that one may be looked at just before.
        if (links_are("xdp"))
            scene.client.settle();
        CHECK(scene.client.ask(config_request()).sectors_per_frame() == sectors);
        const auto count = static_cast<std::uint8_t>(sectors);
        CHECK(scene.client.read(0, count) == pattern(0, count));
    }
}

TEST_CASE("a target picks up an MTU that grows beyond that of its start", "[interface][mtu]") {
    Scene scene;
    scene.wire.set_mtu(9000);
    // Larger buffers may take it a moment; whatever it advertises meanwhile has to work.
    std::uint32_t version = 1;
    unsigned sectors = 0;
    CHECK(scene.client.wait_until([&] {
        sectors = scene.client.ask(config_request()).sectors_per_frame();
        scene.client.write(50, pattern(50, sectors, ++version));
        CHECK(scene.client.read(50, static_cast<std::uint8_t>(sectors)) == pattern(50, sectors, version));
        return sectors == 16;
    }));
}

TEST_CASE("after the MTU has shrunk a larger read is aborted, even without a query in between",
          "[interface][mtu]") {
    JumboScene scene(9000);
    CHECK(scene.client.read(0, 17) == pattern(0, 17));
    set_mtu(scene.wire.target_end(), 1500); // the client's end still sends and takes anything
    CHECK(is_abort(scene.client.ask(read_request(0, 17))));
    CHECK(scene.client.read(0, 2) == pattern(0, 2));
}

TEST_CASE("while the MTU shrinks, large reads get data, ABRT or no answer, and the target keeps running",
          "[interface][mtu]") {
    JumboScene scene(9000, "", 16384);
    for (int round = 0; round < 5; ++round) {
        std::vector<std::uint32_t> tags;
        for (unsigned i = 0; i < 400; ++i) {
            if (i == 200)
                set_mtu(scene.wire.target_end(), 1500);
            tags.push_back(scene.client.send(read_request(i * 20, 17)));
        }
        REQUIRE(scene.client.is_served_soon());
        scene.client.receive(Milliseconds(50));
        for (unsigned i = 0; i < 400; ++i)
            if (const auto reply = scene.client.wait_for(tags[i], Milliseconds(0));
                reply && !is_abort(*reply))
                CHECK(reply->data() == pattern(i * 20, 17));
        CHECK(is_abort(scene.client.ask(read_request(0, 17))));
        CHECK(scene.client.read(0, 2) == pattern(0, 2));
        set_mtu(scene.wire.target_end(), 9000);
        CHECK(scene.client.ask(config_request()).sectors_per_frame() == 16);
        CHECK(scene.client.read(40, 17) == pattern(40, 17));
    }
}

TEST_CASE("a target survives an MTU too small for one sector", "[interface][mtu]") {
    Scene scene;
    set_mtu(scene.wire.target_end(), 300);
    scene.client.send_bytes(scene.client.completed(config_request().tagged(0)).encode());
    scene.wire.set_mtu(1500);
    CHECK(scene.client.is_served_soon());
    CHECK(scene.client.read(0, 2) == pattern(0, 2));
}

TEST_CASE("an interface that goes down and up again is served again", "[interface]") {
    Scene scene;
    for (int round = 0; round < 5; ++round) {
        std::vector<std::uint32_t> tags;
        for (unsigned i = 0; i < 50; ++i) // answers are under way when it goes
            tags.push_back(scene.client.send(read_request(i, 2)));
        set_link(scene.wire.target_end(), false);
        CHECK(scene.target.is_running());
        set_link(scene.wire.target_end(), true);
        CHECK(scene.client.is_served_soon());
        CHECK(scene.client.read(9, 2) == pattern(9, 2));
    }
}

TEST_CASE("an interface that is deleted and made anew is served again", "[interface]") {
    const VethPair wire("reborn");
    const ImageFile image(256);
    RawClient client(wire);
    TargetProcess target({wire.target_end()}, {export_argument(1, 1, image.path())});
    for (int round = 0; round < 5; ++round) {
        for (unsigned i = 0; i < 50; ++i)
            client.send(read_request(i, 2));
        wire.destroy();
        REQUIRE(target.is_running());
        wire.create(round % 2 == 0 ? 9000 : 1500);
        client.rebind();
        CHECK(client.is_served_soon());
        const unsigned sectors = client.ask(config_request()).sectors_per_frame();
        CHECK(sectors == (round % 2 == 0 ? 16 : 2));
        CHECK(client.read(3, 2) == pattern(3, 2));
    }
}

TEST_CASE("an interface is deleted and made anew a hundred times under load, and every write is done",
          "[interface]") {
    constexpr std::uint32_t cells = 64; // of two sectors; one write at a time is under way to each
    const VethPair wire("hundred");
    const ImageFile image(2 * cells);
    RawClient client(wire);
    TargetProcess target({wire.target_end()}, {export_argument(1, 1, image.path())});
    std::vector<Request> under_way(cells);
    std::vector<std::uint32_t> versions(cells, 0);
    const auto write_next = [&](std::uint32_t cell) {
        Request& request = under_way[cell];
        request = client.completed(write_request(2 * cell, pattern(2 * cell, 2, ++versions[cell])));
        client.send(request);
    };
    const auto take_answers = [&] {
        std::vector<std::uint32_t> answered;
        for (std::uint32_t cell = 0; cell < cells; ++cell)
            if (const auto reply = client.wait_for(*under_way[cell].tag, Milliseconds(0))) {
                CHECK(reply->succeeded());
                answered.push_back(cell);
            }
        return answered;
    };
    for (std::uint32_t cell = 0; cell < cells; ++cell)
        write_next(cell);
    unsigned writes = 0;
    for (int round = 0; round < 100; ++round) {
        CAPTURE(round);
        std::size_t answers = 0;
        REQUIRE(client.wait_until([&] {
            for (const std::uint32_t cell : take_answers()) {
                ++answers;
                write_next(cell);
            }
            return answers >= cells;
        }));
        writes += static_cast<unsigned>(answers);
        // What the disk has by then is answered through the new interface, to the address that asked.
        client.leave_to_others(client.mac());
        wire.destroy(); // with all of them under way again
        REQUIRE(target.is_running());
        wire.create(1500);
        client.rebind();
        REQUIRE(client.is_served_soon());
        for (Request& request :
             under_way) { // as an initiator does: the same request, to where the target is now
            request.destination = client.target_mac();
            request.source = client.mac();
            client.send(request);
        }
    }
    std::size_t answers = 0;
    CHECK(client.wait_until([&] { return (answers += take_answers().size()) >= cells; }));
    CHECK(writes >= 100 * cells);
    for (std::uint32_t cell = 0; cell < cells; ++cell)
        CHECK(difference(client.read(2 * cell, 2), pattern(2 * cell, 2, versions[cell]), 2 * cell).empty());
}

TEST_CASE("an interface that is deleted does not disturb another", "[interface]") {
    const VethPair& steady = standard_wire();
    const VethPair other("other");
    const ImageFile image(256);
    RawClient client(steady);
    RawClient other_client(other);
    TargetProcess target({steady.target_end(), other.target_end()}, {export_argument(1, 1, image.path())});
    CHECK(other_client.read(0, 1) == pattern(0, 1));
    set_link(other.target_end(), false);
    CHECK(client.read(1, 1) == pattern(1, 1));
    other.destroy();
    CHECK(client.read(2, 1) == pattern(2, 1));
    other.create(1500);
    other_client.rebind();
    CHECK(client.read(3, 1) == pattern(3, 1));
    CHECK(other_client.is_served_soon());
}

TEST_CASE("while it starts, a target takes no frames from interfaces that it does not serve", "[interface]") {
    const VethPair& served = standard_wire();
    const VethPair foreign("foreign");
    const ImageFile image(64);
    RawClient client(served); // fails on an answer that it did not ask for
    RawClient stranger(foreign);
    stranger.set_sentinel(config_request().to(9, 9));
    Request request = stranger.completed(config_request().to(every_shelf, every_slot));
    request.destination = broadcast_mac;
    const Bytes frame = request.encode();
    for (int round = 0; round < 5; ++round) {
        std::atomic<bool> started{false};
        std::thread sender([&] {
            while (!started)
                stranger.send_bytes(frame);
        });
        {
            const TargetProcess target({served.target_end()}, {export_argument(1, 1, image.path())});
            started = true;
            sender.join();
            client.settle();
        }
        client.forget_outstanding();
    }
}

TEST_CASE("a target that starts with its interface down serves it when it comes up", "[interface]") {
    const VethPair wire("sleeper");
    const ImageFile image(64);
    set_link(wire.target_end(), false);
    RawClient client(wire);
    TargetProcess target({wire.target_end()}, {export_argument(1, 1, image.path())});
    set_link(wire.target_end(), true);
    CHECK(client.is_served_soon());
    CHECK(client.read(0, 1) == pattern(0, 1));
}

TEST_CASE("a target survives arguments of random length and content, and every answer keeps the rules",
          "[received-frame]") {
    Scene scene("durability=volatile");
    std::mt19937 random(20090211);
    const auto byte = [&] { return static_cast<std::uint8_t>(random()); };
    const Mac other = numbered_mac(5);
    for (int round = 0; round < 5000; ++round) {
        Request request;
        request.from(other);
        request.command = static_cast<std::uint8_t>(random() % 6);
        request.version = random() % 16 == 0 ? std::uint8_t{2} : std::uint8_t{1};
        request.argument.resize(random() % 4 == 0 ? random() % 1470 : random() % 60);
        for (std::uint8_t& value : request.argument)
            value = random() % 3 == 0 ? std::uint8_t{0} : byte();
        // Counts and codes near the legal ones, now and then.
        if (request.argument.size() > 8 && random() % 2 == 0)
            for (std::size_t i = 0; i < 8; ++i)
                request.argument[i] = static_cast<std::uint8_t>(random() % 4);
        if (request.command == command_mask && request.argument.size() > 1)
            request.argument[1] = request.argument[1] == mask_edit ? std::uint8_t{9} : request.argument[1];
        if (request.command == command_reserve && !request.argument.empty())
            request.argument[0] = static_cast<std::uint8_t>(request.argument[0] | 0x80); // lock nobody out
        scene.client.send(request);
        if (round % 50 == 0)
            scene.client.settle();
    }
    scene.client.settle();
    CHECK(scene.client.ask(mask_request()).mask_count() == 0);
    CHECK(scene.client.ask(reserve_request()).holder_count() == 0);
    CHECK(scene.client.identify().sectors_48() == 2048);
    CHECK(scene.image.size_bytes() == 2048 * sector_bytes);
}
