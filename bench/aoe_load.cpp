// aoe-load: asks AoE targets for sectors as fast as they answer, and reports the cost.

#include "discover.hpp"
#include "load.hpp"
#include "port.hpp"
#include "workload.hpp"

#include <charconv>
#include <cstdio>
#include <exception>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

namespace {

using bench::Order;
using bench::Result;
using bench::Waiting;
using bench::Workload;
using Json = nlohmann::ordered_json;

constexpr unsigned batch_frames = 64;
constexpr std::size_t header_only_bytes = 64;
constexpr double too_busy = 0.9;

struct Arguments {
    std::string interface;
    std::vector<std::string> exports;
    unsigned sectors = 2;
    std::string operation = "read";
    unsigned read_percent = 70;
    unsigned timeout_ms = 200;
    unsigned coalesce_us = 4;
    unsigned patience_ms = 5000;
    pid_t pid = 0;
    int core = -1;
    int tap = -1;
    bool json = false;
    bool seeded = false;
    Workload workload;
};

// "7.1" or "7.0-99": one slot of a shelf, or a range of them.
std::vector<bench::wire::Address> parse_addresses(std::string_view text) {
    const auto number = [&](char end, unsigned most) {
        unsigned value = 0;
        const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), value);
        text.remove_prefix(static_cast<std::size_t>(rest - text.data()));
        const bool ended = end == '\0' ? text.empty() : text.starts_with(end);
        if (error != std::errc{} || value > most || !ended)
            throw CLI::ValidationError("--export", "SHELF.SLOT or SHELF.FIRST-LAST is expected");
        text.remove_prefix(end == '\0' ? 0 : 1);
        return value;
    };
    const auto shelf = static_cast<std::uint16_t>(number('.', 65534));
    const bool range = text.find('-') != std::string_view::npos;
    const unsigned first = number(range ? '-' : '\0', 254);
    const unsigned last = range ? number('\0', 254) : first;
    if (last < first)
        throw CLI::ValidationError("--export", "the range of slots is empty");
    std::vector<bench::wire::Address> addresses;
    for (unsigned slot = first; slot <= last; ++slot)
        addresses.push_back({shelf, static_cast<std::uint8_t>(slot)});
    return addresses;
}

void declare(CLI::App& app, Arguments& arguments) {
    auto& workload = arguments.workload;
    const std::map<std::string, Order> orders{
        {"sequential", Order::sequential}, {"random", Order::random}, {"mixed", Order::mixed}};
    const std::map<std::string, Waiting> waitings{{"spin", Waiting::spin}, {"sleep", Waiting::sleep}};
    app.add_option("-i,--interface", arguments.interface, "interface to ask on")->required();
    app.add_option("--tap", arguments.tap,
                   "the interface is a tap device: be at its other end, which is this open descriptor")
        ->check(CLI::NonNegativeNumber);
    app.add_option("-e,--export", arguments.exports, "SHELF.SLOT or SHELF.FIRST-LAST, may be repeated")
        ->required();
    app.add_option("-w,--window", workload.window, "requests outstanding, over all exports")
        ->check(CLI::Range(1U, bench::largest_window))
        ->capture_default_str();
    app.add_option("-n,--sectors", arguments.sectors, "sectors per request")
        ->check(CLI::Range(1U, 255U))
        ->capture_default_str();
    app.add_option("--order", workload.order, "sequential, random, or mixed (each half of the time)")
        ->transform(CLI::CheckedTransformer(orders, CLI::ignore_case));
    app.add_option("--op", arguments.operation, "read, write or mixed")
        ->check(CLI::IsMember({"read", "write", "mixed"}))
        ->capture_default_str();
    app.add_option("--read-percent", arguments.read_percent, "reads among mixed requests")
        ->check(CLI::Range(1U, 99U))
        ->capture_default_str();
    app.add_option("--span", workload.span_sectors, "use only the first sectors of each export");
    app.add_flag("--verify", workload.verify, "write what can be recognised, and check what is read");
    app.add_option(
        "--seed", workload.seed,
        "of random choices and of what is written (default: 1; with --verify another each time, so "
        "that what an earlier run has written is not taken for this one's)");
    app.add_option("--seconds", workload.seconds, "counted time, at most")
        ->check(CLI::Range(0.01, 86400.0))
        ->capture_default_str();
    app.add_option("--warmup", workload.warmup_seconds, "seconds before counting begins")
        ->check(CLI::Range(0.0, 3600.0))
        ->capture_default_str();
    app.add_option("--requests", workload.requests, "end after so many requests");
    app.add_option("--timeout-ms", arguments.timeout_ms, "ask again after this time")
        ->check(CLI::Range(1U, 60000U))
        ->capture_default_str();
    app.add_option("--wait", workload.waiting, "spin (on a core of its own) or sleep")
        ->transform(CLI::CheckedTransformer(waitings, CLI::ignore_case));
    app.add_option("--coalesce-us", arguments.coalesce_us,
                   "gather answers for so long between two looks at the socket, when 8 or more are due")
        ->check(CLI::Range(0U, 1000U))
        ->capture_default_str();
    app.add_option("--patience-ms", arguments.patience_ms, "time for the exports to appear")
        ->capture_default_str();
    app.add_option("--pid", arguments.pid, "process whose CPU time and memory to report")
        ->check(CLI::PositiveNumber);
    app.add_option("--core", arguments.core, "core whose busy time to report")->check(CLI::NonNegativeNumber);
    app.add_flag("--json", arguments.json, "print the result as JSON");
}

void finish(Arguments& arguments) {
    auto& workload = arguments.workload;
    workload.sectors = static_cast<std::uint8_t>(arguments.sectors);
    if (workload.verify && !arguments.seeded)
        workload.seed =
            static_cast<std::uint64_t>(std::chrono::steady_clock::now().time_since_epoch().count());
    workload.read_percent = arguments.operation == "read"    ? 100
                            : arguments.operation == "write" ? 0
                                                             : arguments.read_percent;
    workload.timeout = std::chrono::milliseconds(arguments.timeout_ms);
    workload.coalesce = std::chrono::microseconds(arguments.coalesce_us);
    if (arguments.pid != 0)
        workload.target_process = arguments.pid;
    if (arguments.core >= 0)
        workload.target_core = static_cast<unsigned>(arguments.core);
}

double us(std::uint64_t ns) {
    return static_cast<double>(ns) / 1000.0;
}

double per_request_us(std::uint64_t ns, const Result& result) {
    return result.requests() == 0 ? 0.0 : us(ns) / static_cast<double>(result.requests());
}

double rate(const Result& result) {
    return static_cast<double>(result.requests()) / result.seconds;
}

double megabytes_per_second(const Workload& workload, const Result& result) {
    return rate(result) * workload.sectors * bench::wire::sector_bytes / 1e6;
}

// The latency below which each share of the requests was answered: percents, and the tail more finely.
Json cumulative(const bench::Histogram& latency) {
    Json points = Json::array();
    for (int percent = 1; percent < 100; ++percent)
        points.push_back({percent / 100.0, us(latency.percentile(percent / 100.0))});
    for (const double share : {0.995, 0.999, 0.9995, 0.9999, 1.0})
        points.push_back({share, us(latency.percentile(share))});
    return points;
}

Json as_json(const Workload& workload, const Result& result) {
    const auto& latency = result.latency_ns;
    Json json{
        {"window", workload.window},
        {"sectors", workload.sectors},
        {"seconds", result.seconds},
        {"requests", result.requests()},
        {"reads", result.reads},
        {"writes", result.writes},
        {"requests_per_second", rate(result)},
        {"megabytes_per_second", megabytes_per_second(workload, result)},
        {"latency_us",
         {{"mean", latency.mean() / 1000.0},
          {"p50", us(latency.percentile(0.5))},
          {"p90", us(latency.percentile(0.9))},
          {"p99", us(latency.percentile(0.99))},
          {"p999", us(latency.percentile(0.999))},
          {"max", us(latency.largest())}}},
        {"latency_cdf_us", cumulative(latency)},
        {"retransmits", result.retransmits},
        {"stale_answers", result.stale},
        {"failed", result.failed},
        {"dropped_answers", result.dropped},
        {"load_busy", result.busy},
    };
    if (workload.verify)
        json["verify"] = {{"seed", workload.seed},
                          {"verified_sectors", result.verified_sectors},
                          {"unwritten_sectors", result.unwritten_sectors},
                          {"wrong_sectors", result.wrong_sectors}};
    if (!result.first_problem.empty())
        json["first_problem"] = result.first_problem;
    const auto& target = result.target;
    if (target.cpu_ns)
        json["target_cpu_us_per_request"] = per_request_us(*target.cpu_ns, result);
    if (target.peak_rss_kib)
        json["target_peak_rss_kib"] = *target.peak_rss_kib;
    if (target.core_busy_ns)
        json["core_busy_us_per_request"] = per_request_us(*target.core_busy_ns, result);
    if (target.core_softirq_ns)
        json["core_softirq_us_per_request"] = per_request_us(*target.core_softirq_ns, result);
    return json;
}

void print_line(const Arguments& arguments, const Result& result) {
    const auto& latency = result.latency_ns;
    fmt::print("{} {} bytes, window {}: {:.0f} requests/s, {:.1f} MB/s; latency p50 {:.1f} p99 {:.1f} p99.9 "
               "{:.1f} max {:.1f} us",
               arguments.operation, arguments.sectors * bench::wire::sector_bytes, arguments.workload.window,
               rate(result), megabytes_per_second(arguments.workload, result), us(latency.percentile(0.5)),
               us(latency.percentile(0.99)), us(latency.percentile(0.999)), us(latency.largest()));
    if (result.target.cpu_ns)
        fmt::print("; target {:.2f} us CPU per request", per_request_us(*result.target.cpu_ns, result));
    if (result.target.peak_rss_kib)
        fmt::print(", peak {:.1f} MiB", static_cast<double>(*result.target.peak_rss_kib) / 1024.0);
    if (result.target.core_busy_ns)
        fmt::print("; its core {:.2f} us", per_request_us(*result.target.core_busy_ns, result));
    fmt::print("; {} retransmitted, {} failed, load {:.0f} % busy\n", result.retransmits, result.failed,
               result.busy * 100);
    if (arguments.workload.verify)
        fmt::print("sectors verified {}, not written by this run {}, wrong {}; seed {}\n",
                   result.verified_sectors, result.unwritten_sectors, result.wrong_sectors,
                   arguments.workload.seed);
}

std::unique_ptr<bench::Port> open_port(const Arguments& arguments, std::size_t keep_bytes) {
    if (arguments.tap >= 0)
        return bench::open_tap_port(arguments.interface, arguments.tap, batch_frames);
    return bench::open_packet_port(arguments.interface, keep_bytes, batch_frames);
}

int run(Arguments& arguments, const std::vector<bench::wire::Address>& addresses) {
    const auto& workload = arguments.workload;
    const auto exports =
        bench::discover(*open_port(arguments, bench::wire::ata_header_bytes + bench::wire::sector_bytes),
                        addresses, std::chrono::milliseconds(arguments.patience_ms));
    const std::size_t frame_bytes =
        bench::wire::ata_header_bytes + workload.sectors * bench::wire::sector_bytes;
    const auto port = open_port(arguments, workload.verify ? frame_bytes : header_only_bytes);
    if (frame_bytes > port->mtu() + 14)
        throw std::runtime_error(
            fmt::format("{} sectors do not fit into a frame at MTU {}", workload.sectors, port->mtu()));

    const Result result = bench::Load(*port, workload, exports).run();

    if (isatty(STDERR_FILENO) == 1)
        fmt::print(stderr, "\r{:40}\r", "");
    if (arguments.json)
        fmt::print("{}\n", as_json(workload, result).dump());
    else
        print_line(arguments, result);
    if (!result.first_problem.empty())
        fmt::print(stderr, "aoe-load: {}\n", result.first_problem);
    if (result.busy > too_busy)
        fmt::print(stderr,
                   "aoe-load: this program was busy {:.0f} % of the time: it may have been the limit\n",
                   result.busy * 100);
    const bool for_later = arguments.operation == "write" && arguments.seeded;
    const bool nothing_verified = workload.verify && result.verified_sectors == 0 && !for_later;
    if (nothing_verified)
        fmt::print(
            stderr,
            "aoe-load: nothing was verified: of what this run has written it has read nothing "
            "again (--op mixed, a smaller --span, more time, or a --seed that a later run reads with)\n");
    const bool good = result.failed == 0 && result.wrong_sectors == 0 && result.requests() != 0;
    return good && !nothing_verified ? 0 : 1;
}

} // namespace

int main(int argc, char** argv) {
    Arguments arguments;
    CLI::App app("Load for ATA over Ethernet targets");
    declare(app, arguments);
    std::vector<bench::wire::Address> addresses;
    try {
        app.parse(argc, argv);
        arguments.seeded = app.count("--seed") > 0;
        finish(arguments);
        for (const auto& text : arguments.exports)
            for (const auto address : parse_addresses(text))
                addresses.push_back(address);
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? 0 : 2;
    }
    try {
        return run(arguments, addresses);
    } catch (const std::exception& error) {
        fmt::print(stderr, "aoe-load: {}\n", error.what());
        return 1;
    }
}
