// A random mix of requests with many in flight, compared byte for byte with an in-memory copy (lib/README.md,
// "Order"). Every kind of backing store gets the same treatment. AOETEST_SEED chooses another sequence.
#include "catch.hpp"
#include "scene.hpp"

#include <algorithm>
#include <cstdlib>
#include <deque>
#include <random>

using namespace aoetest;

namespace {

constexpr std::uint64_t model_sectors = 512; // small, so that much overlaps
constexpr std::size_t window = 24;

struct Pending {
    std::uint32_t tag;
    std::uint64_t lba;
    std::size_t sectors;
    std::uint8_t opcode;
    bool may_stay_unanswered; // repeated while in flight (R5)
    Bytes expected;
};

class ModelRun {
  public:
    ModelRun(RawClient& client, unsigned max_sectors, bool trims_read_zero)
        : client_(client), max_sectors_(max_sectors), trims_(trims_read_zero),
          bytes_(pattern(0, model_sectors)) {
        const char* seed = std::getenv("AOETEST_SEED");
        seed_ = seed != nullptr ? static_cast<unsigned>(std::strtoul(seed, nullptr, 0)) : 4711;
        random_.seed(seed_);
    }

    void run(unsigned requests) {
        INFO("AOETEST_SEED=" << seed_);
        for (unsigned i = 0; i < requests; ++i) {
            send_one();
            if (pending_.size() >= window)
                finish(pending_.size() - window / 2);
        }
        finish(pending_.size());
    }

    void compare_with(const std::string& backing) const {
        CHECK(difference(read_backing(backing, 0, model_sectors), bytes_) == "");
    }

  private:
    void send_one() {
        const std::size_t sectors = 1 + random_() % max_sectors_;
        const std::uint64_t lba = random_() % (model_sectors - sectors + 1);
        const auto kind = static_cast<unsigned>(random_() % 100);
        if (kind < 45)
            send_read(lba, sectors);
        else if (kind < 90)
            send_write(lba, sectors, kind < 50 ? ata::write_dma_fua_ext : ata::write_sectors_ext);
        else if (kind < 95 && trims_)
            send_trim(lba, sectors);
        else if (kind < 97)
            send_flush();
        else
            send_read(lba, 1);
    }

    void excuse_copies(std::uint8_t opcode, std::uint64_t lba, std::size_t sectors) {
        for (Pending& other : pending_)
            if (other.opcode == opcode && other.lba == lba && other.sectors == sectors)
                other.may_stay_unanswered = true;
    }

    void send_flush() {
        excuse_copies(ata::flush_cache_ext, 0, 0);
        pending_.push_back({client_.send(flush_request()), 0, 0, ata::flush_cache_ext, false, {}});
    }

    void send_read(std::uint64_t lba, std::size_t sectors) {
        excuse_copies(ata::read_sectors_ext, lba, sectors);
        const std::uint32_t tag = client_.send(read_request(lba, static_cast<std::uint8_t>(sectors)));
        const auto first = bytes_.begin() + static_cast<std::ptrdiff_t>(lba * sector_bytes);
        pending_.push_back({tag, lba, sectors, ata::read_sectors_ext, false,
                            Bytes(first, first + static_cast<std::ptrdiff_t>(sectors * sector_bytes))});
    }

    void send_write(std::uint64_t lba, std::size_t sectors, std::uint8_t opcode) {
        const Bytes data = pattern(lba, sectors, version_++);
        std::copy(data.begin(), data.end(), bytes_.begin() + static_cast<std::ptrdiff_t>(lba * sector_bytes));
        pending_.push_back({client_.send(write_request(lba, data, opcode)), lba, sectors, opcode, false, {}});
    }

    void send_trim(std::uint64_t lba, std::size_t sectors) {
        const auto first = bytes_.begin() + static_cast<std::ptrdiff_t>(lba * sector_bytes);
        std::fill(first, first + static_cast<std::ptrdiff_t>(sectors * sector_bytes), std::uint8_t{0});
        excuse_copies(ata::data_set_management, lba, sectors);
        const std::uint32_t tag = client_.send(trim_request({{lba, static_cast<std::uint16_t>(sectors)}}));
        pending_.push_back({tag, lba, sectors, ata::data_set_management, false, {}});
    }

    // Waits for the oldest requests in flight.
    void finish(std::size_t count) {
        for (; count > 0; --count) {
            const Pending oldest = std::move(pending_.front());
            pending_.pop_front();
            const Milliseconds patience = oldest.may_stay_unanswered ? Milliseconds(0) : RawClient::patience;
            const std::optional<Reply> reply = client_.wait_for(oldest.tag, patience);
            if (!reply && oldest.may_stay_unanswered)
                continue;
            INFO("opcode " << static_cast<unsigned>(oldest.opcode) << ", lba " << oldest.lba << ", "
                           << oldest.sectors << " sectors, tag " << oldest.tag);
            REQUIRE(reply);
            REQUIRE(reply->succeeded());
            if (ata::reads_data(oldest.opcode))
                REQUIRE(difference(reply->data(), oldest.expected, oldest.lba) == "");
        }
    }

    RawClient& client_;
    unsigned max_sectors_;
    bool trims_;
    Bytes bytes_;
    unsigned seed_ = 0;
    std::mt19937 random_;
    std::uint32_t version_ = 1;
    std::deque<Pending> pending_;
};

void run_model(const std::string& backing, const std::string& options, unsigned mtu, unsigned requests) {
    const VethPair& wire = standard_wire();
    wire.set_mtu(mtu);
    RawClient client(wire);
    TargetProcess target({wire.target_end()}, {export_argument(1, 1, backing, options)});
    const Identify identify = client.identify();
    ModelRun run(client, client.ask(config_request()).sectors_per_frame(),
                 identify.bit(169, 0) && identify.bit(69, 5));
    run.run(requests);
    target.stop();
    run.compare_with(backing);
}

} // namespace

TEST_CASE("model: random requests on a file, O_DIRECT and stable", "[model]") {
    const ImageFile image(model_sectors);
    run_model(image.path(), "cache=direct,durability=stable", 1500, 2000);
    fill_with_pattern(image.path(), model_sectors);
    run_model(image.path(), "cache=direct,durability=stable", 9000, 2000);
}

TEST_CASE("model: random requests on a file, O_DIRECT and volatile", "[model]") {
    const ImageFile image(model_sectors);
    run_model(image.path(), "cache=direct,durability=volatile", 9000, 4000);
}

TEST_CASE("model: random requests on a file, page cache and stable", "[model]") {
    const ImageFile image(model_sectors);
    run_model(image.path(), "cache=page,durability=stable", 9000, 2000);
}

TEST_CASE("model: random requests on a file, page cache and volatile", "[model]") {
    const ImageFile image(model_sectors);
    run_model(image.path(), "cache=page,durability=volatile", 1500, 4000);
}

TEST_CASE("model: random requests on a loop device", "[model]") {
    enter_test_network();
    if (!has_real_root())
        SKIP_BECAUSE("a loop device needs real root");
    const ImageFile image(model_sectors);
    const LoopDevice loop(image.path());
    run_model(loop.path(), "", 9000, 2000);
}

TEST_CASE("model: random requests on a 4096-byte-block device", "[model]") {
    enter_test_network();
    if (!ZramDevice::is_available())
        SKIP_BECAUSE("a zram device needs real root and the zram driver");
    const ZramDevice device(model_sectors * sector_bytes);
    for (const char* options : {"cache=direct,durability=stable", "cache=direct,durability=volatile",
                                "cache=page,durability=volatile"}) {
        CAPTURE(options);
        fill_with_pattern(device.path(), model_sectors);
        run_model(device.path(), options, 9000, 4000);
    }
}

TEST_CASE("model: a window that starts inside a 4096-byte block keeps its neighbours", "[model]") {
    enter_test_network();
    if (!ZramDevice::is_available())
        SKIP_BECAUSE("a zram device needs real root and the zram driver");
    const VethPair& wire = standard_wire();
    const ZramDevice device((model_sectors + 16) * sector_bytes);
    fill_with_pattern(device.path(), model_sectors + 16);
    RawClient client(wire);
    {
        const TargetProcess target({wire.target_end()},
                                   {export_argument(1, 1, device.path(), "offset=3s,length=20s")});
        for (std::uint32_t round = 1; round <= 20; ++round)
            for (std::uint64_t lba = 0; lba < 19; ++lba)
                client.write(lba, pattern(lba, 2, round));
    }
    CHECK(read_backing(device.path(), 0, 3) == pattern(0, 3));
    CHECK(read_backing(device.path(), 23, 100) == pattern(23, 100));
    CHECK(read_backing(device.path(), 3 + 18, 2) == pattern(18, 2, 20));
}
