// Judges a process and its control socket.
#include "check/process.hpp"

#include "text.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace cli {
namespace {

const std::string subject = "target";

Finding ok(std::string text) {
    return {Weight::ok, subject, std::move(text)};
}

std::string human_limit(std::uint64_t bytes) {
    return bytes == ProcessFacts::unlimited ? "no limit" : human_size(bytes);
}

Findings judge_rights(const ProcessFacts& facts) {
    Findings findings;
    if (facts.has_net_raw)
        findings.push_back(ok("CAP_NET_RAW is there, for packet sockets"));
    else
        findings.push_back({Weight::error, subject,
                            "CAP_NET_RAW is missing, without which there are no frames",
                            "run as root, or 'setcap cap_net_raw,cap_net_admin+ep' the program", true});
    if (facts.has_net_admin && facts.has_bpf)
        findings.push_back(ok("CAP_NET_ADMIN and CAP_BPF are there, for AF_XDP, and for a receive buffer "
                              "beyond net.core.rmem_max"));
    else
        findings.push_back(
            {Weight::note, subject,
             fmt::format("{} missing: {}",
                         facts.has_net_admin ? "CAP_BPF is"
                         : facts.has_bpf     ? "CAP_NET_ADMIN is"
                                             : "CAP_NET_ADMIN and CAP_BPF are",
                         facts.has_net_admin ? "there is no AF_XDP"
                                             : "there is no AF_XDP, net.core.rmem_max bounds the receive "
                                               "buffer, and filters of nftables are not seen"),
             "run as root, or add the capabilities"});
    if (!facts.is_confined) {
        findings.push_back(finding_of(Weight::error, subject, facts.confinement));
        return findings;
    }
    const bool is_filtered = facts.confinement.find("not filtered") == std::string::npos;
    findings.push_back({is_filtered ? Weight::ok : Weight::note, subject,
                        fmt::format("what is left of its rights while it serves: {}", facts.confinement)});
    return findings;
}

Findings judge_memory(const ProcessFacts& facts, std::uint64_t bytes, std::size_t threads) {
    Findings findings;
    const std::uint64_t all = bytes * threads;
    const std::string need = fmt::format("frames take {} of memory on {}", human_size(all),
                                         threads == 1 ? "one thread" : fmt::format("{} threads", threads));
    if (facts.available_bytes != 0 && all > facts.available_bytes)
        findings.push_back({Weight::warning, subject,
                            fmt::format("{}, and {} are available", need, human_size(facts.available_bytes)),
                            "take fewer interfaces or threads, or more memory"});
    else
        findings.push_back(ok(need));
    if (!facts.may_lock_memory && facts.lockable_bytes < all)
        findings.push_back(
            {Weight::warning, subject,
             fmt::format("it may lock {} of that, and CAP_IPC_LOCK is missing, which lifts the "
                         "limit: what cannot be locked is not registered with the ring, which "
                         "costs time, and AF_XDP is not possible",
                         human_limit(facts.lockable_bytes)),
             fmt::format("raise 'ulimit -l' to {} (in a service LimitMEMLOCK=)", all >> 10)});
    return findings;
}

Findings judge_threads(const Configuration& configuration, const ProcessFacts& facts) {
    const unsigned asked = configuration.target.threads;
    const std::size_t used = std::min<std::size_t>(asked, configuration.exports.size());
    Findings findings;
    if (used < asked)
        findings.push_back(
            {Weight::note, subject,
             fmt::format("{} of {} threads start, because one thread serves an export", used, asked)});
    if (used > facts.processors)
        findings.push_back({Weight::warning, subject,
                            fmt::format("{} threads share {} processors", used, facts.processors),
                            fmt::format("threads={}", facts.processors)});
    else
        findings.push_back(ok(fmt::format("{} of {} processors are used", used, facts.processors)));
    return findings;
}

/// An export has up to three files open, a link three sockets; each thread has some of its own.
Findings judge_files(const Configuration& configuration, const ProcessFacts& facts) {
    constexpr std::uint64_t of_an_export = 3, of_a_link = 8, others = 32;
    const std::uint64_t needed =
        configuration.exports.size() * of_an_export +
        configuration.target.threads * (configuration.interfaces.size() * of_a_link + others);
    if (needed <= facts.files)
        return {};
    return {{Weight::warning, subject,
             fmt::format("it may need {} open files, and the limit is {}", needed, facts.files),
             fmt::format("raise 'ulimit -n' to {} (in a service LimitNOFILE=)", needed)}};
}

Findings judge_state(const std::string& directory, const ProcessFacts& facts) {
    if (directory.empty())
        return {
            {Weight::note, subject,
             "the settings that initiators make (config string, mask list, reservation) are forgotten when "
             "it ends",
             "name a directory with state-dir"}};
    if (!facts.state_problem.empty())
        return {finding_of(Weight::error, subject, facts.state_problem)};
    return {ok(directory + (facts.state_directory_exists ? " keeps the settings that initiators make"
                                                         : " does not exist yet; serve makes it"))};
}

} // namespace

Findings judge_process(const Configuration& configuration, const ProcessFacts& facts,
                       std::uint64_t frame_bytes) {
    Findings all;
    if (facts.has_ring)
        all.push_back(ok(facts.ring));
    else
        all.push_back(finding_of(Weight::error, subject, facts.ring));
    append(all, judge_rights(facts));
    append(all, judge_memory(facts, frame_bytes,
                             std::min<std::size_t>(configuration.target.threads,
                                                   std::max<std::size_t>(1, configuration.exports.size()))));
    append(all, judge_threads(configuration, facts));
    append(all, judge_files(configuration, facts));
    append(all, judge_state(configuration.target.state_directory, facts));
    return all;
}

Findings judge_control(const ControlFacts& facts) {
    if (facts.path.empty())
        return {{Weight::note, subject,
                 "without a control socket, 'aoetarget status' and others cannot reach it"}};
    if (facts.is_taken)
        return {
            {facts.problem.empty() ? Weight::note : Weight::warning, subject,
             fmt::format(
                 "a target{} runs with the control socket {}{}, and this one cannot start before it ends",
                 facts.process == 0 ? "" : fmt::format(" (process {})", facts.process), facts.path,
                 facts.problem.empty() ? "" : fmt::format(" ({})", facts.problem)),
             "let it take this configuration with 'aoetarget reload', end it with 'aoetarget stop', or give "
             "this one a name of its own with --name"}};
    if (!facts.problem.empty())
        return {finding_of(facts.is_demanded ? Weight::error : Weight::note, subject,
                           fmt::format("the control socket: {}", facts.problem))};
    return {ok(fmt::format("no target has the control socket {} yet", facts.path))};
}

} // namespace cli
