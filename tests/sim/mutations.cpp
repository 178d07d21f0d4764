// sim-mutations: checks that the simulator finds mistakes. Each mistake of core/mutation.hpp in turn is made
// in the core, and one of the first seeds must find it. Each runs in a process of its own, which it may bring
// down.
#include "core/mutation.hpp"
#include "world.hpp"

#include <cstdio>
#include <cstdlib>
#include <string_view>

#include <sys/wait.h>
#include <unistd.h>

using namespace aoesim;
using aoetarget::core::Mutation;

namespace {

constexpr std::uint64_t max_seeds = 1000; // R1, nearly all of which R3 would catch, takes 514
constexpr std::uint64_t requests = 1000;
constexpr unsigned jobs = 2;

constexpr const char* names[] = {
    "none",
    "overlapping operations side by side (R4)",
    "what waits forgets what else is in its way (R6)",
    "what has grown enough waits for nothing else (R4)",
    "writes merged whatever their data (R5)",
    "durable writes are not",
    "flushes without the device",
    "fences confirmed too early",
    "reservations ignored",
    "what arrived before a fence is taken after it",
    "what arrived before the operator shut out is taken after it",
    "overlap judged by sectors, not blocks",
    "the rest of a partial block is not read",
    "times of arrival ignored (R1)",
    "copies of overwritten writes are made again (R3)",
    "the order of Linux's tags ignored (R3)",
    "copies looked for among sixteen writes (R3)",
    "copies known by a part of their data (R3)",
    "what was read ahead is used though it was changed",
    "one sender may take all the slots",
    "exports that own no slots",
    "slots lent for receiving count as free",
    "no more workers than by default",
    "exports that own no bounce buffer",
    "wildcards that wait in any number",
    "trims that do not wait (R4)",
    "trims that keep others off the last part of each range only (R4)",
    "trims of blocks that are named in part",
    "trims that leave out all ranges but the first",
    "trims beyond the end done as far as it goes",
    "trims for disks that cannot discard",
    "trims not remembered (R3)",
    "an orderly end without a flush",
    "lists confirmed that are not saved",
    "devices swapped under way",
    "overlap judged by the blocks of the device before (R4)",
};
static_assert(std::size(names) == static_cast<std::size_t>(Mutation::last));

/// Whether a seed finds the mistake.
bool is_found(std::size_t number) {
    aoetarget::core::active_mutation = static_cast<Mutation>(number);
    for (std::uint64_t seed = 1; seed <= max_seeds; ++seed) {
        const Result result = World(seed, requests, false).run();
        if (result.violation.empty())
            continue;
        std::printf("%-55s found by seed %3llu: %s\n", names[number], static_cast<unsigned long long>(seed),
                    result.violation.c_str());
        return true;
    }
    std::printf("%-55s NOT FOUND by %llu seeds\n", names[number], static_cast<unsigned long long>(max_seeds));
    return false;
}

bool ended_well() {
    int status = 0;
    wait(&status);
    if (WIFSIGNALED(status)) // an assertion of the core has found it
        std::printf("a mistake has ended its process\n");
    return WIFSIGNALED(status) || WEXITSTATUS(status) == 0;
}

} // namespace

int main(int argc, char** argv) {
    const std::string_view wanted = argc > 1 ? argv[1] : ""; // a part of the names
    unsigned passed = 0, failed = 0, running = 0;
    const auto collect = [&] {
        ++(ended_well() ? passed : failed);
        --running;
    };
    for (std::size_t number = 1; number < std::size(names); ++number) {
        if (std::string_view(names[number]).find(wanted) == std::string_view::npos)
            continue;
        if (running == jobs)
            collect();
        std::fflush(stdout);
        if (fork() == 0) {
            const bool found = is_found(number);
            std::fflush(stdout);
            _exit(found ? 0 : 1);
        }
        ++running;
    }
    while (running > 0)
        collect();
    std::printf("%u passed, %u failed, 0 skipped\n", passed, failed);
    return failed == 0 ? 0 : 1;
}
