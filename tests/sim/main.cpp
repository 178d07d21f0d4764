// aoe-sim: many simulated worlds, each from its seed. A failure prints the seed and how to see it again.
#include "world.hpp"

#include <atomic>
#include <charconv>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <mutex>
#include <sstream>
#include <thread>

using namespace aoesim;

namespace {

struct Options {
    std::uint64_t seeds = 100;
    std::uint64_t first = 1;
    std::uint64_t requests = 2000;
    unsigned jobs = 1;
    bool replay = false;
    bool trace = false;
    bool until_stopped = false;
    const char* list = nullptr;
};

constexpr const char* usage =
    "usage: aoe-sim [--seeds N] [--first SEED] [--requests N] [--jobs N] [--until-stopped]\n"
    "       aoe-sim --seed SEED [--requests N] [--trace]\n"
    "       aoe-sim --list FILE\n";

[[noreturn]] void refuse(const std::string& why) {
    std::fprintf(stderr, "aoe-sim: %s\n%s", why.c_str(), usage);
    std::exit(2);
}

Options parse(int argc, char* argv[]) {
    Options options;
    for (int i = 1; i < argc; ++i) {
        const std::string_view name = argv[i];
        const auto number = [&] {
            std::uint64_t value = 0;
            const char* text = i + 1 < argc ? argv[++i] : "";
            const char* end = text + std::strlen(text);
            if (const auto parsed = std::from_chars(text, end, value); text == end || parsed.ptr != end)
                refuse(std::string(name) + " needs a number");
            return value;
        };
        if (name == "--seeds") {
            options.seeds = number();
        } else if (name == "--first") {
            options.first = number();
        } else if (name == "--seed") {
            options.first = number();
            options.seeds = 1;
            options.replay = true;
        } else if (name == "--requests") {
            options.requests = number();
        } else if (name == "--jobs") {
            options.jobs = static_cast<unsigned>(std::clamp<std::uint64_t>(number(), 1, 256));
        } else if (name == "--until-stopped") {
            options.until_stopped = true;
        } else if (name == "--list") {
            options.list = i + 1 < argc ? argv[++i] : "";
        } else if (name == "--trace") {
            options.trace = true;
        } else {
            refuse("there is no option " + std::string(name));
        }
    }
    return options;
}

volatile std::sig_atomic_t stopped = 0;

/// All that the threads share.
struct Tally {
    std::mutex mutex;
    std::uint64_t passed = 0, failed = 0;
    Result total;
};

/// Every so often a world is made twice: it must come out the same.
constexpr std::uint64_t compared_every = 64;

void run_seed(const Options& options, std::uint64_t seed, Tally& tally) {
    Result result = World(seed, options.requests, options.trace).run();
    if (result.violation.empty() && (seed % compared_every == 0 || options.replay) && !options.trace &&
        World(seed, options.requests, false).run().digest != result.digest)
        result.violation = "the same seed has made another world";
    const std::lock_guard lock(tally.mutex);
    ++(result.violation.empty() ? tally.passed : tally.failed);
    tally.total.requests += result.requests;
    tally.total.prompt_answers += result.prompt_answers;
    tally.total.faults.add(result.faults);
    tally.total.duplicates += result.duplicates;
    tally.total.ordered += result.ordered;
    tally.total.patched += result.patched;
    tally.total.stale += result.stale;
    tally.total.read_ahead += result.read_ahead;
    tally.total.discards += result.discards;
    if (!result.violation.empty()) {
        std::printf("seed %llu: %s\n  again: aoe-sim --seed %llu --requests %llu --trace\n",
                    static_cast<unsigned long long>(seed), result.violation.c_str(),
                    static_cast<unsigned long long>(seed), static_cast<unsigned long long>(options.requests));
    } else if (options.replay) {
        std::printf("seed %llu: digest %016llx\n", static_cast<unsigned long long>(seed),
                    static_cast<unsigned long long>(result.digest));
    }
    std::fflush(stdout);
}

/// Those of a file, each line a seed, a number of requests, and a word about it; `#` begins a comment.
void run_list(const Options& options, Tally& tally) {
    std::ifstream file(options.list);
    if (!file)
        refuse(std::string("there is no file '") + options.list + "' to read seeds from");
    for (std::string line; stopped == 0 && std::getline(file, line);) {
        Options one = options;
        std::uint64_t seed = 0;
        std::istringstream words(line.substr(0, line.find('#')));
        if (!(words >> seed))
            continue;
        if (!(words >> one.requests))
            refuse("a seed without a number of requests: " + line);
        run_seed(one, seed, tally);
    }
}

void print(const char* name, std::uint64_t count) {
    std::printf("  %-32s %12llu\n", name, static_cast<unsigned long long>(count));
}

} // namespace

int main(int argc, char* argv[]) {
    const Options options = parse(argc, argv);
    std::signal(SIGINT, [](int) { stopped = 1; });
    std::signal(SIGTERM, [](int) { stopped = 1; });

    Tally tally;
    std::atomic<std::uint64_t> next{0};
    const auto begun = std::chrono::steady_clock::now();
    if (options.list != nullptr)
        run_list(options, tally);
    std::vector<std::jthread> threads;
    for (unsigned i = 0; i < options.jobs && options.list == nullptr; ++i) {
        threads.emplace_back([&] {
            while (stopped == 0) {
                const std::uint64_t index = next++;
                if (index >= options.seeds && !options.until_stopped)
                    return;
                run_seed(options, options.first + index, tally);
            }
        });
    }
    threads.clear();
    const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - begun;

    if (options.list == nullptr)
        std::printf("seeds %llu to %llu: ", static_cast<unsigned long long>(options.first),
                    static_cast<unsigned long long>(options.first + tally.passed + tally.failed - 1));
    std::printf("%llu requests in %.1f s\n", static_cast<unsigned long long>(tally.total.requests),
                taken.count());
    for (std::size_t i = 0; i < fault_names.size(); ++i)
        print(fault_names[i].data(), tally.total.faults.counts[i]);
    std::printf("what the target had to do about it\n");
    print("answers beside devices that hang", tally.total.prompt_answers);
    print("copies merged", tally.total.duplicates);
    print("requests kept in order", tally.total.ordered);
    print("partial blocks patched", tally.total.patched);
    print("stale writes dropped", tally.total.stale);
    print("reads made ahead", tally.total.read_ahead);
    print("trims carried out", tally.total.discards);
    std::printf("%llu passed, %llu failed, 0 skipped\n", static_cast<unsigned long long>(tally.passed),
                static_cast<unsigned long long>(tally.failed));
    return tally.failed == 0 ? 0 : 1;
}
