// Many changes of a target under a load that takes no silence and no wrong byte for an answer.
#include "catch.hpp"
#include "changed_target.hpp"
#include "sanitizers.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <functional>
#include <thread>

using namespace aoetest;

namespace {

constexpr unsigned many_reloads = has_address_sanitizer ? 40 : 1000;
constexpr unsigned many_swaps = has_address_sanitizer ? 20 : 100;

/// Writes ranges of e1.1 and reads them back, with many requests under way. Each is sent once.
class VerifiedLoad {
  public:
    explicit VerifiedLoad(RawClient& client) : client_(client) {}

    /// Runs beside `operate`, and returns when that has returned.
    void run_beside(const std::function<void()>& operate) {
        std::atomic<bool> is_over = false;
        std::thread operating([&] {
            operate();
            is_over = true;
        });
        while (!is_over)
            write_and_read();
        operating.join();
    }

    unsigned long requests = 0, unanswered = 0, wrong = 0;
    Milliseconds longest_wait{0};

  private:
    using Clock = std::chrono::steady_clock;
    static constexpr std::uint64_t ranges = 32, range_sectors = 2;

    /// Reads what the last round has written to one half of the ranges, and writes the other half.
    void write_and_read() {
        const auto began = Clock::now();
        std::vector<std::uint32_t> tags;
        for (std::uint64_t range = 0; range < ranges; ++range) {
            const std::uint64_t lba = range * range_sectors;
            tags.push_back(client_.send(is_written(range)
                                            ? write_request(lba, pattern(lba, range_sectors, round_))
                                            : read_request(lba, range_sectors)));
        }
        for (std::uint64_t range = 0; range < ranges; ++range) {
            const auto reply = client_.wait_for(tags[range], Milliseconds(20'000));
            longest_wait = std::max(longest_wait, std::chrono::ceil<Milliseconds>(Clock::now() - began));
            ++requests;
            unanswered += reply ? 0 : 1;
            wrong += reply && !is_right(*reply, range) ? 1 : 0;
        }
        ++round_;
    }
    [[nodiscard]] bool is_written(std::uint64_t range) const { return (range + round_) % 2 == 0; }
    [[nodiscard]] bool is_right(const Reply& reply, std::uint64_t range) const {
        if (!reply.succeeded())
            return false;
        const bool was_written = !is_written(range) && round_ > 1; // in the last round
        return !was_written || reply.data() == pattern(range * range_sectors, range_sectors, round_ - 1);
    }

    RawClient& client_;
    std::uint32_t round_ = 1;
};

} // namespace

TEST_CASE("a load loses nothing while a thousand reloads change other exports and interfaces",
          "[endurance]") {
    const VethPair& wire = standard_wire();
    const VethPair other_wire("endure");
    const ImageFile image(4096), second(64), third(64);
    RawClient client(wire);
    const std::string own = entry_text(wire) + export_text("1.1", image);
    const std::string others[] = {
        export_text("1.2", second),
        export_text("1.2", second, "fixed = true\n") + export_text("1.3", third),
        entry_text(other_wire) + export_text("1.3", third, "read-only = true\n"),
        entry_text(other_wire) + "buffers = 64\n" + export_text("1.2", second, "allow = [\"02:*\"]\n"),
    };
    Changed changed(own);
    VerifiedLoad load(client);
    std::string failures;
    load.run_beside([&] {
        for (unsigned i = 0; i < many_reloads; ++i) {
            changed.write(own + others[i % std::size(others)]);
            const ToolResult result = changed.run({"reload"});
            if (result.exit_code != 0)
                failures += result.error;
        }
    });
    CAPTURE(load.requests, load.longest_wait.count());
    CHECK(failures == "");
    CHECK(load.unanswered == 0);
    CHECK(load.wrong == 0);
    CHECK(load.requests > many_reloads);
    const std::string status = changed.run({"status", "--json"}).output;
    CHECK(contains(status, "\"rx-dropped\": 0,"));
    CHECK(contains(status, "\"tx-errors\": 0,"));
}

TEST_CASE("a load loses nothing while its own disk is swapped and grows a hundred times", "[endurance]") {
    const VethPair& wire = standard_wire();
    const ImageFile image(4096);
    RawClient client(wire);
    const auto text = [&](unsigned i) {
        return entry_text(wire) + export_text("1.1", image, i % 2 == 0 ? "cache = \"page\"\n" : "");
    };
    Changed changed(text(1));
    VerifiedLoad load(client);
    unsigned failures = 0;
    load.run_beside([&] {
        for (unsigned i = 0; i < many_swaps; ++i) {
            image.resize_bytes((4096 + 8 * (i + 1)) * sector_bytes);
            failures += changed.run({"resize", "1.1"}).exit_code == 0 ? 0 : 1;
            changed.write(text(i));
            failures += changed.run({"reload"}).exit_code == 0 ? 0 : 1;
            failures += changed.run({"reopen", "1.1"}).exit_code == 0 ? 0 : 1;
        }
    });
    CAPTURE(load.requests, load.longest_wait.count());
    CHECK(failures == 0);
    CHECK(load.unanswered == 0);
    CHECK(load.wrong == 0);
    CHECK(load.requests > many_swaps);
    CHECK(client.identify().sectors_48() == 4096 + 8 * many_swaps);
    WARN("the longest that a request waited: " << load.longest_wait.count() << " ms");
}
