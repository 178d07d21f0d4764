// Writes take effect in the order in which they reached the machine, whichever interface they came in on
// (lib/core/ordering.md H1, R1).
#include "catch.hpp"
#include "scene.hpp"

#include <csignal>
#include <fstream>
#include <thread>

using namespace aoetest;

namespace {

constexpr std::uint32_t rounds = 50;

// Stops the process and waits until it has stopped, so that all frames from then on wait for it.
void freeze(const TargetProcess& target) {
    target.signal(SIGSTOP);
    const std::string path = "/proc/" + std::to_string(target.pid()) + "/stat";
    for (std::string text; text.find(") T ") == std::string::npos;)
        std::getline(std::ifstream(path), text);
}

// While the target is stopped a write comes in on one interface, and then a newer one to the same sectors on
// the other. The read before them makes the target look at the other interface first when it goes on.
void run_frozen_writes(RawClient& older, RawClient& newer, const TargetProcess& target,
                       const std::string& backing) {
    std::uint32_t undone = 0;
    std::uint32_t unanswered = 0;
    for (std::uint32_t round = 1; round <= rounds; ++round) {
        const Bytes old_data = pattern(5, 2, 2 * round);
        const Bytes new_data = pattern(5, 2, 2 * round + 1);
        freeze(target);
        newer.send(read_request(40, 1));
        older.send(write_request(5, old_data));
        const std::uint32_t last = newer.send(write_request(5, new_data));
        target.signal(SIGCONT);
        const std::optional<Reply> reply = newer.wait_for(last);
        unanswered += reply && reply->succeeded() ? 0 : 1;
        older.read(5, 2); // after whatever was sent there before it
        undone += read_backing(backing, 5, 2) == new_data ? 0 : 1;
    }
    CHECK(undone == 0);
    CHECK(unanswered == 0);
    older.write(5, pattern(5, 2, 1)); // nothing that is sent now counts as old
    CHECK(newer.read(5, 2) == pattern(5, 2, 1));
}

} // namespace

TEST_CASE("R1: a write that waited on one interface does not undo a newer one of another", "[arrival]") {
    const std::string first_link = GENERATE("packet", "xdp");
    const std::string second_link = GENERATE("packet", "xdp");
    const bool first_is_older = GENERATE(true, false);
    CAPTURE(first_link, second_link, first_is_older);
    if ((first_link == "xdp" || second_link == "xdp") && !can_have_xdp())
        SKIP_BECAUSE("XDP needs root, and may be left out of a build");
    const VethPair first("first");
    const VethPair second("second");
    const ImageFile image(64);
    RawClient one(first);
    RawClient other(second);
    const TargetProcess target(
        {first.target_end() + ",link=" + first_link, second.target_end() + ",link=" + second_link},
        {export_argument(1, 1, image.path())});
    std::this_thread::sleep_for(Milliseconds(200)); // the kernel begins to stamp in the background
    if (first_is_older)
        run_frozen_writes(one, other, target, image.path());
    else
        run_frozen_writes(other, one, target, image.path());
}
