#include "load.hpp"

#include "process.hpp"

#include <algorithm>
#include <bit>
#include <cstdio>
#include <stdexcept>
#include <utility>

#include <fmt/format.h>
#include <unistd.h>

namespace bench {

namespace {

constexpr std::chrono::milliseconds housekeeping_interval{1};
constexpr std::chrono::milliseconds progress_interval{500};
constexpr std::chrono::seconds longest_drain{1};
constexpr unsigned most_retransmits = 25;
constexpr std::size_t coalesce_from = 8;    // outstanding requests: with fewer, the target would run dry
constexpr std::size_t retransmit_burst = 8; // in one housekeeping interval
constexpr std::size_t cache_line = 64;
// No tag of the Linux driver, in which a target may see how old a request is.
constexpr std::uint32_t foreign_tag = 1U << 31;

std::optional<std::uint64_t> difference(std::optional<std::uint64_t> after,
                                        std::optional<std::uint64_t> before) {
    return after && before ? std::optional(*after - *before) : std::nullopt;
}

double seconds(std::chrono::steady_clock::duration time) {
    return std::chrono::duration<double>(time).count();
}

} // namespace

Load::Load(Port& port, const Workload& workload, std::span<const Export> exports)
    : port_(port), workload_(workload), exports_(exports), plan_(workload, exports),
      frame_stride_((wire::ata_header_bytes + workload.sectors * wire::sector_bytes + cache_line - 1) /
                    cache_line * cache_line),
      frames_(frame_stride_ * workload.window), places_(workload.window),
      index_bits_(static_cast<int>(std::bit_width(workload.window - 1U))),
      // Answers of an earlier run that are still on their way must not look like ours.
      sequence_(static_cast<std::uint32_t>(Clock::now().time_since_epoch().count() >> 12)) {
    outgoing_.reserve(std::size_t{2} * workload.window);
    const Pattern filler(workload.seed);
    for (std::size_t i = 0; i < places_.size(); ++i)
        filler.fill(frame_of(i).subspan(wire::ata_header_bytes), i * workload.sectors, 1);
}

std::span<std::byte> Load::frame_of(std::size_t place) {
    return std::span(frames_).subspan(place * frame_stride_,
                                      wire::ata_header_bytes + workload_.sectors * wire::sector_bytes);
}

bool Load::wants_more() const {
    return phase_ == Phase::warmup ||
           (phase_ == Phase::counting && (workload_.requests == 0 || issued_ < workload_.requests));
}

void Load::issue(std::size_t index, Time now) {
    auto& place = places_[index];
    const auto frame = frame_of(index);
    place.step = plan_.next();
    place.tag = foreign_tag | ++sequence_ << index_bits_ | static_cast<std::uint32_t>(index);
    const auto& exported = exports_[place.step.export_index];
    place.frame_bytes =
        wire::encode_ata(frame, {.target = exported.mac,
                                 .source = port_.mac(),
                                 .address = exported.address,
                                 .tag = place.tag,
                                 .command = place.step.write ? wire::Ata::write : wire::Ata::read,
                                 .sectors = workload_.sectors,
                                 .lba = place.step.lba(workload_.sectors)});
    if (place.step.write && workload_.verify)
        plan_.fill(place.step, frame.subspan(wire::ata_header_bytes));
    place.waiting = true;
    place.retransmits = 0;
    place.first_sent = place.last_sent = now;
    outgoing_.push_back({frame.data(), place.frame_bytes});
    ++outstanding_;
    ++issued_;
}

// What does not fit into the socket now stays queued for the next turn.
void Load::flush() {
    if (outgoing_.empty())
        return;
    const std::size_t sent = port_.send(outgoing_);
    outgoing_.erase(outgoing_.begin(), outgoing_.begin() + static_cast<std::ptrdiff_t>(sent));
}

void Load::handle(std::size_t received, Time now) {
    for (std::size_t i = 0; i < received; ++i) {
        const auto answer = wire::decode(port_.frame(i));
        if (!answer)
            continue;
        const std::size_t index = answer->tag & ((1U << index_bits_) - 1);
        if (index >= places_.size() || !places_[index].waiting || places_[index].tag != answer->tag) {
            ++result_.stale;
            continue;
        }
        complete(places_[index], *answer, i, now);
        if (wants_more())
            issue(index, now);
        if (opened_ < places_.size() && wants_more())
            issue(opened_++, now);
    }
}

void Load::complete(Place& place, const wire::Answer& answer, std::size_t received, Time now) {
    place.waiting = false;
    --outstanding_;
    const std::size_t data_bytes = place.step.write ? 0 : workload_.sectors * wire::sector_bytes;
    const bool succeeded =
        !answer.failed() && port_.wire_bytes(received) >= wire::ata_header_bytes + data_bytes;
    if (!succeeded) {
        ++result_.failed;
        if (result_.first_problem.empty())
            result_.first_problem = fmt::format(
                "{} of sector {} failed: AoE error {}, ATA status {:#04x}, error {:#04x}, {} bytes",
                place.step.write ? "write" : "read", place.step.lba(workload_.sectors), answer.aoe_error,
                answer.ata_status, answer.ata_error, port_.wire_bytes(received));
    }
    const bool whole = succeeded && workload_.verify && !place.step.write;
    plan_.done(place.step, succeeded,
               whole ? port_.frame(received).subspan(wire::ata_header_bytes, data_bytes)
                     : std::span<const std::byte>{},
               result_);
    if (phase_ != Phase::counting)
        return;
    ++(place.step.write ? result_.writes : result_.reads);
    result_.latency_ns.add(
        static_cast<std::uint64_t>(std::chrono::nanoseconds(now - place.first_sent).count()));
}

void Load::retransmit_overdue(Time now) {
    if (!outgoing_.empty())
        return;
    for (std::size_t i = 0; i < places_.size() && outgoing_.size() < retransmit_burst; ++i) {
        auto& place = places_[i];
        if (!place.waiting || now - place.last_sent < workload_.timeout)
            continue;
        if (++place.retransmits > most_retransmits)
            throw std::runtime_error(
                fmt::format("no answer after {} retransmissions of one request", most_retransmits));
        place.last_sent = now;
        ++result_.retransmits;
        outgoing_.push_back({frame_of(i).data(), place.frame_bytes});
    }
}

TargetUse Load::target_use() const {
    TargetUse use;
    if (workload_.target_process) {
        use.cpu_ns = process_cpu_ns(*workload_.target_process);
        use.peak_rss_kib = process_peak_rss_kib(*workload_.target_process);
    }
    if (workload_.target_core) {
        const auto core = core_time(*workload_.target_core);
        use.core_busy_ns = core.busy_ns;
        use.core_softirq_ns = core.softirq_ns;
    }
    return use;
}

void Load::begin_counting(Time now) {
    phase_ = Phase::counting;
    port_.dropped();
    result_.retransmits = result_.stale = 0;
    issued_ = outstanding_;
    busy_ = {};
    shown_requests_ = 0;
    use_before_ = target_use();
    counting_since_ = now;
}

void Load::end_counting(Time now) {
    const auto use = target_use();
    phase_ = Phase::draining;
    result_.seconds = seconds(now - counting_since_);
    result_.busy = seconds(busy_) / result_.seconds;
    result_.dropped = port_.dropped();
    result_.target = {difference(use.cpu_ns, use_before_.cpu_ns), use.peak_rss_kib,
                      difference(use.core_busy_ns, use_before_.core_busy_ns),
                      difference(use.core_softirq_ns, use_before_.core_softirq_ns)};
}

void Load::show_progress(Time now) {
    static const bool on_terminal = isatty(STDERR_FILENO) == 1;
    if (!on_terminal || phase_ != Phase::counting || now < next_progress_)
        return;
    const auto since = now - next_progress_ + progress_interval;
    const auto done = result_.requests() - shown_requests_;
    fmt::print(stderr, "\r{:6.1f} s {:10.0f} requests/s ", seconds(now - counting_since_),
               static_cast<double>(done) / seconds(since));
    std::fflush(stderr);
    shown_requests_ = result_.requests();
    next_progress_ = now + progress_interval;
}

void Load::housekeeping(Time now) {
    next_housekeeping_ = now + housekeeping_interval;
    retransmit_overdue(now);
    flush();
    show_progress(now);
    if (phase_ == Phase::warmup && seconds(now - started_) >= workload_.warmup_seconds)
        begin_counting(now);
    else if (phase_ == Phase::counting && seconds(now - counting_since_) >= workload_.seconds)
        end_counting(now);
}

Result Load::run() {
    started_ = Clock::now();
    next_progress_ = started_ + progress_interval;
    housekeeping(started_);
    issue(opened_++, started_);
    flush();

    Time turn_began = Clock::now();
    while (phase_ != Phase::draining) {
        if (outstanding_ >= coalesce_from)
            for (const Time next = turn_began + workload_.coalesce; turn_began < next;)
                turn_began = Clock::now();
        const std::size_t received = port_.receive();
        const Time now = Clock::now();
        if (received != 0) {
            handle(received, now);
            flush();
            const Time turn_ended = Clock::now();
            busy_ += turn_ended - turn_began;
            turn_began = turn_ended;
        } else {
            if (workload_.waiting == Waiting::sleep)
                port_.wait(1);
            flush();
            turn_began = workload_.waiting == Waiting::sleep ? Clock::now() : now;
        }
        if (now >= next_housekeeping_)
            housekeeping(now);
        if (phase_ == Phase::counting && outstanding_ == 0)
            end_counting(now);
    }
    for (const Time until = Clock::now() + longest_drain; outstanding_ != 0 && Clock::now() < until;) {
        port_.wait(1);
        handle(port_.receive(), Clock::now());
        flush();
    }
    return std::move(result_);
}

} // namespace bench
