// Order of overlapping requests and duplicates in flight (lib/README.md, "Order"; lib/core/ordering.md H2,
// R4, R5, R6).
#include "catch.hpp"
#include "scene.hpp"

#include <algorithm>
#include <random>

using namespace aoetest;

namespace {

// An in-memory copy of the disk that follows the requests in the order in which they are sent.
class Model {
  public:
    explicit Model(std::uint64_t sectors) : bytes_(pattern(0, sectors)) {}

    void write(std::uint64_t lba, const Bytes& data) {
        std::copy(data.begin(), data.end(), bytes_.begin() + static_cast<std::ptrdiff_t>(lba * sector_bytes));
    }
    Bytes read(std::uint64_t lba, std::size_t sectors) const {
        const auto first = bytes_.begin() + static_cast<std::ptrdiff_t>(lba * sector_bytes);
        return {first, first + static_cast<std::ptrdiff_t>(sectors * sector_bytes)};
    }

  private:
    Bytes bytes_;
};

constexpr unsigned rounds = 150;
constexpr unsigned writes_per_round = 8;
constexpr std::uint64_t device_sectors = 256;

// 150 rounds of 8 overlapping writes in flight; after each the disk is as if they had run one after the
// other.
void run_overlapping_writes(RawClient& client, const std::string& backing, unsigned max_sectors) {
    Model model(device_sectors);
    std::mt19937 random(8150);
    std::uint32_t version = 1;
    for (unsigned round = 0; round < rounds; ++round) {
        const std::uint64_t base = random() % (device_sectors - 64);
        std::vector<std::uint32_t> tags;
        for (unsigned i = 0; i < writes_per_round; ++i) {
            const std::uint64_t lba = base + random() % 4;
            const Bytes data = pattern(lba, 1 + random() % max_sectors, version++);
            model.write(lba, data);
            tags.push_back(client.send(write_request(lba, data)));
        }
        for (const std::uint32_t tag : tags) {
            const std::optional<Reply> reply = client.wait_for(tag);
            REQUIRE(reply);
            REQUIRE(reply->succeeded());
        }
        CAPTURE(round, base);
        const unsigned touched = 3 + max_sectors;
        REQUIRE(difference(read_backing(backing, base, touched), model.read(base, touched), base) == "");
        for (unsigned i = 0; i < touched; ++i)
            REQUIRE(difference(client.read(base + i, 1), model.read(base + i, 1), base + i) == "");
    }
    CHECK(difference(read_backing(backing, 0, device_sectors), model.read(0, device_sectors)) == "");
}

void run_on_file(const std::string& options, unsigned mtu, unsigned max_sectors) {
    JumboScene scene(mtu, options, device_sectors);
    run_overlapping_writes(scene.client, scene.image.path(), max_sectors);
}

// So many different writes to one sector, all sent at once, that what follows waits in the target for a
// while.
std::vector<std::uint32_t> send_chain(RawClient& client, std::uint64_t lba, std::uint32_t first_version) {
    std::vector<std::uint32_t> tags;
    for (std::uint32_t i = 0; i < 40; ++i)
        tags.push_back(client.send(write_request(lba, pattern(lba, 2, first_version + i))));
    return tags;
}

void wait_for_all(RawClient& client, const std::vector<std::uint32_t>& tags) {
    for (const std::uint32_t tag : tags) {
        const std::optional<Reply> reply = client.wait_for(tag);
        REQUIRE(reply);
        REQUIRE(reply->succeeded());
    }
}

constexpr int merge_rounds = 20;
// A copy that comes when the first one is done already is rightly answered on its own; the chain makes that
// rare.
constexpr int merges_wanted = 15;

} // namespace

TEST_CASE("R4, R6: 150 rounds of 8 overlapping writes end with the last one, O_DIRECT", "[ordering]") {
    run_on_file("cache=direct", 1500, 2);
}

TEST_CASE("R4, R6: 150 rounds of 8 overlapping writes end with the last one, page cache", "[ordering]") {
    run_on_file("cache=page", 1500, 2);
}

TEST_CASE("R4, R6: 150 rounds of 8 overlapping writes end with the last one, O_DIRECT and volatile",
          "[ordering]") {
    run_on_file("cache=direct,durability=volatile", 9000, 17);
}

TEST_CASE("R4, R6: 150 rounds of 8 overlapping writes end with the last one, page cache and volatile",
          "[ordering]") {
    run_on_file("cache=page,durability=volatile", 9000, 17);
}

TEST_CASE("R4, R6: 150 rounds of 8 overlapping writes end with the last one, 4096-byte blocks",
          "[ordering]") {
    const VethPair& wire = standard_wire();
    wire.set_mtu(9000);
    RawClient client(wire);
    if (!ZramDevice::is_available())
        SKIP_BECAUSE("a zram device needs real root and the zram driver");
    const ZramDevice device(device_sectors * sector_bytes);
    fill_with_pattern(device.path(), device_sectors);
    const TargetProcess target({wire.target_end()}, {export_argument(1, 1, device.path())});
    run_overlapping_writes(client, device.path(), 17);
}

TEST_CASE("4096-byte blocks: eight one-sector writes into one block in flight all arrive", "[ordering]") {
    const VethPair& wire = standard_wire();
    RawClient client(wire);
    if (!ZramDevice::is_available())
        SKIP_BECAUSE("a zram device needs real root and the zram driver");
    const ZramDevice device(device_sectors * sector_bytes);
    fill_with_pattern(device.path(), device_sectors);
    const TargetProcess target({wire.target_end()}, {export_argument(1, 1, device.path())});
    for (std::uint32_t round = 1; round <= 100; ++round) {
        const std::uint64_t block = 8 * (round % 16);
        std::vector<std::uint32_t> tags;
        for (const std::uint64_t i : {5u, 0u, 7u, 2u, 3u, 1u, 6u}) // sector 4 keeps what it has
            tags.push_back(client.send(write_request(block + i, pattern(block + i, 1, round))));
        wait_for_all(client, tags);
        const Bytes data = read_backing(device.path(), block, 8);
        for (std::uint64_t i = 0; i < 8; ++i) {
            const Bytes sector(data.begin() + static_cast<std::ptrdiff_t>(512 * i),
                               data.begin() + static_cast<std::ptrdiff_t>(512 * (i + 1)));
            CHECK(sector == pattern(block + i, 1, i == 4 ? 0 : round));
        }
    }
}

TEST_CASE("order: a read sees exactly the writes that were sent before it", "[ordering]") {
    for (const char* options : {"cache=direct", "cache=page", "durability=volatile"}) {
        Scene scene(options, device_sectors);
        Model model(device_sectors);
        std::uint32_t version = 1;
        for (unsigned round = 0; round < 40; ++round) {
            const std::uint64_t base = 3 * round;
            std::vector<std::pair<std::uint32_t, Bytes>> reads;
            std::vector<std::uint32_t> writes;
            for (unsigned i = 0; i < 8; ++i) {
                const std::uint64_t lba = base + i % 3;
                const Bytes data = pattern(lba, 1 + i % 2, version++);
                model.write(lba, data);
                writes.push_back(scene.client.send(write_request(lba, data)));
                // No two reads alike, which could be merged: ranges differ by round of i.
                const std::uint64_t first = base + i % 4;
                const std::size_t count = 1 + i / 4;
                reads.emplace_back(scene.client.send(read_request(first, static_cast<std::uint8_t>(count))),
                                   model.read(first, count));
            }
            for (const auto& [tag, expected] : reads) {
                const std::optional<Reply> reply = scene.client.wait_for(tag);
                REQUIRE(reply);
                CHECK(reply->data() == expected);
            }
            wait_for_all(scene.client, writes);
        }
    }
}

TEST_CASE("R5: an exact duplicate of a write in flight is answered once, to the newest tag", "[ordering]") {
    Scene scene("durability=stable");
    int merged = 0;
    for (int round = 0; round < merge_rounds; ++round) {
        const auto version = static_cast<std::uint32_t>(1000 * (round + 1));
        const auto chain = send_chain(scene.client, 64, version);
        const Bytes data = pattern(64, 2, version + 999);
        std::vector<std::uint32_t> copies;
        for (int copy = 0; copy < 4; ++copy)
            copies.push_back(scene.client.send(write_request(64, data)));
        wait_for_all(scene.client, chain);
        wait_for_all(scene.client, {copies.back()});
        CHECK(scene.client.read(64, 2) == data);
        scene.client.receive(Milliseconds(5));
        unsigned answers = 0;
        for (const std::uint32_t tag : copies)
            answers += scene.client.answers_to(tag);
        merged += answers == 1 ? 1 : 0;
    }
    CHECK(merged >= merges_wanted);
}

TEST_CASE("R5: copies with the same tag, as iPXE, Windows and macOS send them, are answered once",
          "[ordering]") {
    Scene scene("durability=stable");
    int merged = 0;
    for (int round = 0; round < merge_rounds; ++round) {
        const auto version = static_cast<std::uint32_t>(1000 * (round + 1));
        const auto chain = send_chain(scene.client, 64, version);
        const Request copy = scene.client.completed(write_request(64, pattern(64, 2, version + 999)));
        for (int i = 0; i < 5; ++i)
            scene.client.send(copy);
        wait_for_all(scene.client, chain);
        wait_for_all(scene.client, {*copy.tag});
        CHECK(scene.client.read(64, 2) == pattern(64, 2, version + 999));
        scene.client.receive(Milliseconds(5));
        merged += scene.client.answers_to(*copy.tag) == 1 ? 1 : 0;
    }
    CHECK(merged >= merges_wanted);
}

TEST_CASE("R5: a read repeated with the same tag while in flight is answered once", "[ordering]") {
    Scene scene("durability=stable");
    int merged = 0;
    for (int round = 0; round < merge_rounds; ++round) {
        const auto chain = send_chain(scene.client, 64, static_cast<std::uint32_t>(1000 * (round + 1)));
        const Request copy = scene.client.completed(read_request(64, 2));
        for (int i = 0; i < 4; ++i)
            scene.client.send(copy);
        wait_for_all(scene.client, chain);
        const std::optional<Reply> reply = scene.client.wait_for(*copy.tag);
        REQUIRE(reply);
        CHECK(reply->data() == pattern(64, 2, static_cast<std::uint32_t>(1000 * (round + 1) + 39)));
        scene.client.receive(Milliseconds(5));
        merged += scene.client.answers_to(*copy.tag) == 1 ? 1 : 0;
    }
    CHECK(merged >= merges_wanted);
}

// A Linux host sends its retransmission with another tag, but so do two programs of one host that read the
// same sectors. A read may be carried out twice, so both are answered.
TEST_CASE("R5: the same read with two tags is answered to both", "[ordering]") {
    Scene scene("durability=stable");
    for (std::uint32_t round = 1; round <= 20; ++round) {
        const auto chain = send_chain(scene.client, 64, 1000 * round);
        const std::uint32_t first = scene.client.send(read_request(64, 2));
        const std::uint32_t second = scene.client.send(read_request(64, 2));
        wait_for_all(scene.client, chain);
        wait_for_all(scene.client, {first, second});
    }
}

TEST_CASE("R5: a repeated read is not merged across a write that came between", "[ordering]") {
    Scene scene("durability=stable");
    for (std::uint32_t round = 1; round <= 40; ++round) {
        const auto chain = send_chain(scene.client, 64, 1000 * round);
        scene.client.send(read_request(64, 2)); // may stay unanswered, being repeated
        const std::uint32_t write = scene.client.send(write_request(64, pattern(64, 2, 1000 * round + 999)));
        const std::uint32_t repeated = scene.client.send(read_request(64, 2));
        const std::optional<Reply> reply = scene.client.wait_for(repeated);
        REQUIRE(reply);
        CHECK(reply->data() == pattern(64, 2, 1000 * round + 999));
        wait_for_all(scene.client, chain);
        wait_for_all(scene.client, {write});
    }
}

TEST_CASE("R5: the same request from two hosts is answered to both", "[ordering]") {
    Scene scene("durability=stable");
    const Mac other = numbered_mac(12);
    for (std::uint32_t round = 1; round <= 20; ++round) {
        const auto chain = send_chain(scene.client, 64, 1000 * round);
        const std::uint32_t mine = scene.client.send(read_request(64, 2));
        const std::uint32_t theirs = scene.client.send(read_request(64, 2).from(other));
        wait_for_all(scene.client, chain);
        wait_for_all(scene.client, {mine, theirs});
    }
}

TEST_CASE("H5: a part of a write in flight is an overlap, not a duplicate", "[ordering]") {
    JumboScene scene(9000);
    for (std::uint32_t round = 1; round <= 20; ++round) {
        const auto chain = send_chain(scene.client, 64, 1000 * round);
        const Bytes whole = pattern(64, 8, 1000 * round + 999);
        const Bytes part(whole.begin(), whole.begin() + 1024);
        const std::uint32_t first = scene.client.send(write_request(64, whole));
        const std::uint32_t second = scene.client.send(write_request(64, part));
        wait_for_all(scene.client, chain);
        wait_for_all(scene.client, {first, second});
        CHECK(scene.client.read(64, 8) == whole);
    }
}

TEST_CASE("H8: writes over two interfaces in turn: the later one stays", "[ordering]") {
    TwoPathScene scene;
    for (std::uint32_t round = 1; round <= 100; ++round) {
        RawClient& writer = round % 2 == 0 ? scene.one : scene.other;
        RawClient& reader = round % 2 == 0 ? scene.other : scene.one;
        writer.write(5, pattern(5, 2, round));
        CHECK(reader.read(5, 2) == pattern(5, 2, round));
    }
}
