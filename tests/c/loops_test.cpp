// The examples of lib/examples: a target in the event loop of a host.
#include "host_programs.hpp"
#include "support/backing.hpp"
#include "support/catch.hpp"
#include "support/child_process.hpp"
#include "support/patience.hpp"
#include "support/raw_client.hpp"
#include "support/test_network.hpp"

#include <filesystem>
#include <fstream>
#include <thread>

#include <csignal>

using namespace aoetest;
using Clock = std::chrono::steady_clock;

namespace {

constexpr std::uint64_t sectors = 2048;

/// The program of an example and its arguments; nothing where it could not be built.
std::vector<std::string> example(const std::string& name) {
    if (name == "asyncio")
        return can_be_loaded_by_others()
                   ? std::vector{find_program("python3"), from_environment("ASYNCIO_HOST")}
                   : std::vector<std::string>{};
    const std::string program = from_environment("EXAMPLES") + "/example-" + name;
    return std::filesystem::exists(program) ? std::vector{program} : std::vector<std::string>{};
}

struct LoopScene {
    explicit LoopScene(std::vector<std::string> command)
        : wire(standard_wire()), image(sectors), host([&] {
              command.insert(command.end(), {wire.target_end(), image.path()});
              return command;
          }()) {}

    /// Writes and reads back by turns, a window at a time, and checks all that is read. `first` is the first
    /// version of the data, and each round has another: a new client has the tags of the one before, and
    /// would look like late copies of its writes.
    void load(unsigned first, unsigned requests) const {
        constexpr unsigned window = 16;
        RawClient client(wire);
        REQUIRE(client.is_served_soon());
        for (unsigned round = first; round < first + requests / window / 2; ++round) {
            const auto lba_of = [&](unsigned i) { return (round * 37 + i * 128U) % sectors / 2 * 2; };
            std::vector<std::uint32_t> tags;
            for (unsigned i = 0; i < window; ++i)
                tags.push_back(client.send(write_request(lba_of(i), pattern(lba_of(i), 2, round))));
            for (const std::uint32_t tag : tags)
                REQUIRE(client.wait_for(tag));
            tags.clear();
            for (unsigned i = 0; i < window; ++i)
                tags.push_back(client.send(read_request(lba_of(i), 2)));
            for (unsigned i = 0; i < window; ++i) {
                const std::optional<Reply> reply = client.wait_for(tags[i]);
                REQUIRE(reply);
                REQUIRE(reply->data() == pattern(lba_of(i), 2, round));
            }
        }
    }
    /// Returns how long the host took to end after a signal.
    [[nodiscard]] Milliseconds stop() {
        const auto began = Clock::now();
        host.signal(SIGTERM);
        CHECK(host.wait_for_exit(Milliseconds(20'000)) == 0);
        return std::chrono::ceil<Milliseconds>(Clock::now() - began);
    }
    /// How often the host has gone to sleep.
    [[nodiscard]] std::string sleeps() const {
        std::ifstream status("/proc/" + std::to_string(host.pid()) + "/status");
        for (std::string line; std::getline(status, line);)
            if (line.starts_with("voluntary_ctxt_switches:"))
                return line;
        return {};
    }

    const VethPair& wire;
    ImageFile image;
    ChildProcess host;
};

} // namespace

TEST_CASE("a target in the loop of its host serves, sleeps and stops", "[c][host][loop]") {
    const auto name =
        GENERATE(as<std::string>{}, "epoll", "glib", "libuv", "libevent", "sd_event", "asyncio");
    CAPTURE(name);
    const std::vector<std::string> command = example(name);
    if (command.empty())
        SKIP_BECAUSE(
            "the library of this loop is not here, or a sanitizer keeps Python from loading the target");
    const Patience patience;
    LoopScene scene(command);
    const unsigned total = can_be_loaded_by_others() ? 100'000 : 20'000;
    for (unsigned done = 0; done < total; done += 10'000)
        scene.load(done, 10'000); // a client remembers all that it has sent

    std::this_thread::sleep_for(Milliseconds(700)); // a lane looks at itself for a moment
    const std::string before = scene.sleeps();
    std::this_thread::sleep_for(Milliseconds(500));
    CHECK_FALSE(before.empty());
    CHECK(scene.sleeps() == before); // an idle target wakes nobody

    // On a busy machine a process may be kept from its processor for longer: the best of five counts.
    const Milliseconds limit(can_be_loaded_by_others() ? 100 : 2000);
    Milliseconds taken = scene.stop();
    for (int attempt = 1; attempt < 5 && taken >= limit; ++attempt) {
        LoopScene another(command);
        REQUIRE(RawClient(another.wire).is_served_soon());
        taken = another.stop();
    }
    CHECK(taken < limit);
}
