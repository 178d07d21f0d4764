// Wildcard addresses: lib/protocol/README.md, "Every received frame", "Building an answer" and "Open
// questions".
#include "catch.hpp"
#include "scene.hpp"

#include <algorithm>
#include <memory>

using namespace aoetest;

namespace {

// e1.1, e1.5, e3.5 and e3.7, with images that differ; served by one thread, and by three.
struct FourExports {
    FourExports() {
        std::vector<std::string> arguments;
        for (const auto& [shelf, slot] : addresses) {
            images.push_back(std::make_unique<ImageFile>(64));
            images.back()->write(0, pattern(0, 64, version(shelf, slot)));
            arguments.push_back(export_argument(shelf, slot, images.back()->path()));
        }
        const std::string threads = GENERATE(as<std::string>(), "1", "3");
        target = std::make_unique<TargetProcess>(std::vector<std::string>{wire.target_end()}, arguments,
                                                 std::vector<std::string>{"--threads", threads});
    }

    static std::uint32_t version(unsigned shelf, unsigned slot) { return 1000 * shelf + slot; }

    static std::vector<std::pair<std::uint16_t, std::uint8_t>> matches(std::uint16_t shelf,
                                                                       std::uint8_t slot) {
        std::vector<std::pair<std::uint16_t, std::uint8_t>> list;
        for (const auto& address : addresses)
            if ((shelf == every_shelf || shelf == address.first) &&
                (slot == every_slot || slot == address.second))
                list.push_back(address);
        return list;
    }

    static constexpr std::pair<std::uint16_t, std::uint8_t> addresses[] = {{1, 1}, {1, 5}, {3, 5}, {3, 7}};
    static constexpr std::pair<std::uint16_t, std::uint8_t> wildcards[] = {
        {every_shelf, 5}, {3, every_slot}, {every_shelf, every_slot}, {every_shelf, 1}, {1, every_slot}};

    const VethPair& wire = standard_wire();
    std::vector<std::unique_ptr<ImageFile>> images;
    RawClient client{wire};
    std::unique_ptr<TargetProcess> target;
};

} // namespace

TEST_CASE("a wildcard in shelf or slot matches by itself, and both together match every export",
          "[wildcard]") {
    FourExports scene;
    for (const auto& [shelf, slot] : FourExports::wildcards) {
        CAPTURE(shelf, static_cast<unsigned>(slot));
        const auto expected = FourExports::matches(shelf, slot);
        const auto replies = scene.client.ask_all(config_request().to(shelf, slot), expected.size());
        REQUIRE(replies.size() == expected.size());
        for (std::size_t i = 0; i < replies.size(); ++i) {
            CHECK(replies[i].shelf() == expected[i].first);
            CHECK(replies[i].slot() == expected[i].second);
        }
    }
    scene.client.expect_silence(config_request().to(every_shelf, 6));
    scene.client.expect_silence(config_request().to(2, every_slot));
}

TEST_CASE("each export gives its own answer to a wildcard request", "[wildcard]") {
    FourExports scene;
    for (const Request& plain : {identify_request(), config_request(), mask_request(), reserve_request()})
        for (const auto& [shelf, slot] : FourExports::wildcards) {
            Request request = plain;
            const auto expected = FourExports::matches(shelf, slot);
            CHECK(scene.client.ask_all(request.to(shelf, slot), expected.size()).size() == expected.size());
        }
    // Independent: a set that one export refuses is taken by the others.
    scene.client.ask(config_request(ccmd_set, "taken").to(3, 5));
    for (const Reply& reply :
         scene.client.ask_all(config_request(ccmd_set, "new").to(every_shelf, every_slot), 4)) {
        const bool was_set = reply.shelf() == 3 && reply.slot() == 5;
        CHECK(reply.error() == (was_set ? 4 : 0));
        CHECK(reply.config_text() == (was_set ? "taken" : "new"));
    }
}

TEST_CASE("each export answers IDENTIFY on a wildcard address", "[wildcard]") {
    FourExports scene;
    Request discovery = identify_request(); // as WinAoE discovers: broadcast, E flag set
    discovery.at(24) = aflag_extended;
    discovery.destination = broadcast_mac;
    std::vector<std::string> serials;
    for (const Reply& reply : scene.client.ask_all(discovery.to(every_shelf, every_slot), 4)) {
        CHECK(reply.succeeded());
        serials.push_back(Identify(reply.data()).text(10, 19));
    }
    std::sort(serials.begin(), serials.end());
    CHECK(std::adjacent_find(serials.begin(), serials.end()) == serials.end()); // all different
}

TEST_CASE("each export answers CHECK POWER MODE and FLUSH CACHE on a wildcard address", "[wildcard]") {
    FourExports scene;
    for (const std::uint8_t opcode : {ata::check_power_mode, ata::flush_cache, ata::flush_cache_ext})
        for (const Reply& reply : scene.client.ask_all(ata_request(opcode).to(every_shelf, every_slot), 4))
            CHECK(reply.status() == status_good);
}

TEST_CASE("a WRITE on a wildcard address is dropped and changes nothing", "[wildcard]") {
    FourExports scene;
    for (const std::uint8_t opcode :
         std::initializer_list<std::uint8_t>{0x30, 0x31, 0x34, 0x35, 0x3D, 0xCA, 0xCB})
        for (const auto& [shelf, slot] : FourExports::wildcards)
            scene.client.send_unanswerable(write_request(8, pattern(8, 2, 99), opcode).to(shelf, slot));
    scene.client.settle();
    for (const auto& [shelf, slot] : FourExports::addresses) {
        // Ordered after the writes, had they been admitted.
        const Reply reply = scene.client.ask(read_request(8, 2).to(shelf, slot));
        CHECK(reply.data() == pattern(8, 2, FourExports::version(shelf, slot)));
    }
    // Refused ones are just as silent: a wildcard write out of range gets no error either.
    scene.client.expect_silence(write_request(64, pattern(64, 1)).to(every_shelf, every_slot));
}

TEST_CASE("DATA SET MANAGEMENT on a wildcard address is dropped and discards nothing", "[wildcard]") {
    FourExports scene;
    for (const auto& [shelf, slot] : FourExports::wildcards)
        scene.client.send_unanswerable(trim_request({{0, 64}}).to(shelf, slot));
    scene.client.settle();
    for (const auto& [shelf, slot] : FourExports::addresses) {
        const Reply reply = scene.client.ask(read_request(16, 2).to(shelf, slot));
        CHECK(reply.data() == pattern(16, 2, FourExports::version(shelf, slot)));
    }
}

TEST_CASE("each export answers a READ on a wildcard address with its own data", "[wildcard]") {
    FourExports scene;
    for (const Reply& reply : scene.client.ask_all(read_request(4, 2).to(every_shelf, every_slot), 4)) {
        CHECK(reply.succeeded());
        CHECK(reply.data() == pattern(4, 2, FourExports::version(reply.shelf(), reply.slot())));
    }
}

TEST_CASE("the mask list and the reservation of one export do not affect another", "[mask-list][reserve]") {
    FourExports scene;
    const Mac permitted = numbered_mac(1);
    scene.client.ask(mask_request(mask_edit, {{directive_add, permitted}}).to(3, 5));
    scene.client.ask(reserve_request(reserve_set, {permitted}).to(3, 7));
    scene.client.expect_silence(config_request().to(3, 5));
    CHECK(scene.client.ask(read_request(0, 1).to(3, 7)).error() == 6);
    CHECK(scene.client.ask(read_request(0, 1).to(1, 1)).succeeded());
    CHECK(scene.client.ask(read_request(0, 1).to(1, 5)).succeeded());
    CHECK(scene.client.ask_all(config_request().to(every_shelf, every_slot), 3).size() == 3);
}
