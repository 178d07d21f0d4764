// Sends requests at a moderate pace, and keeps account of their answers.
#include "initiator/path.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace aoetarget::initiator {
namespace {

using namespace std::chrono_literals;

/// A frame counts as lost that did not get through this many times. With one of five lost in each direction,
/// less than one in fifty would be taken for too long, and less than one in 10,000 with one of twenty.
constexpr int attempts = 4;
constexpr auto between_attempts = 100ms, after_attempts = 400ms;

constexpr unsigned requests_of_series = 300;
constexpr auto pace = 1ms;
/// A request that has no answer for so long leaves its place to another, though its answer still counts.
constexpr auto patience = 100ms;
constexpr auto longest_series = 2s;
constexpr auto wait_for_last = 1s;

/// A hostile network must not keep the loop from reading the clock.
constexpr int max_batch = 64;

constexpr std::size_t longest_answer =
    protocol::ata_header_bytes + protocol::max_sectors_per_frame * sector_bytes;

std::string describe(const protocol::Header& header, ConstBytes frame) {
    if (header.error == protocol::AoeError::target_is_reserved)
        return "it is reserved for other hosts";
    if (header.error != protocol::AoeError::none)
        return fmt::format("AoE error {}", static_cast<unsigned>(header.error));
    if (const auto registers = protocol::AtaRegisters::parse(frame))
        return fmt::format("ATA status 0x{:02x}, error 0x{:02x}", registers->command_or_status,
                           registers->feature_or_error);
    return "a malformed answer";
}

} // namespace

Path::Path(const Socket& socket, const DiscoveredTarget& target, std::uint32_t tag_base)
    : socket_(socket), route_{socket.mac(), target.mac, target.address}, tag_base_(tag_base),
      buffer_(longest_answer) {}

Path::Outcome Path::ask(const Question& question) {
    const std::size_t first = requests_.size();
    for (int attempt = 1; attempt <= attempts; ++attempt) {
        send(question);
        const auto deadline = Clock::now() + (attempt == attempts ? after_attempts : between_attempts);
        while (Clock::now() < deadline) {
            receive(deadline);
            for (std::size_t i = first; i < requests_.size(); ++i) {
                if (requests_[i].answers > 0)
                    return requests_[i].refused ? Outcome::refused : Outcome::answered;
            }
        }
    }
    return Outcome::lost;
}

ProbedSeries Path::measure(const Question& question, unsigned window) {
    const std::size_t first = requests_.size();
    const auto end = Clock::now() + longest_series;
    for (auto now = Clock::now(); now < end && requests_.size() - first < requests_of_series;
         now = Clock::now()) {
        if (waiting_since(first, now - patience) >= window) {
            receive(now + pace);
            continue;
        }
        send(question);
        while (Clock::now() < now + pace)
            receive(now + pace);
    }
    const auto last = Clock::now() + wait_for_last;
    while (waiting_since(first, {}) > 0 && Clock::now() < last)
        receive(last);
    return evaluate(first);
}

void Path::send(const Question& question) {
    std::vector<std::byte> frame(question.request_bytes);
    const auto tag = tag_base_ + static_cast<std::uint32_t>(requests_.size());
    if (question.kind == Question::Kind::config)
        write_config_question(frame, route_, tag);
    else if (question.kind == Question::Kind::identify)
        write_ata_question(frame, route_, tag, identify_registers());
    else
        write_ata_question(frame, route_, tag, read_registers(question.sectors));
    requests_.push_back({.question = question, .sent = Clock::now()});
    socket_.send(frame);
}

void Path::receive(Clock::time_point deadline) {
    if (!socket_.wait_until(deadline))
        return;
    for (int i = 0; i < max_batch; ++i) {
        const ConstBytes frame = socket_.receive(buffer_);
        if (frame.empty())
            return;
        take(frame);
    }
}

void Path::take(ConstBytes frame) {
    const auto header = read_answer(frame);
    if (!header || !header->addresses(route_.address) || header->source != route_.destination)
        return;
    const std::size_t number = header->tag - tag_base_;
    if (number >= requests_.size())
        return;
    Request& request = requests_[number];
    if (++request.answers > 1)
        return;
    request.answered = Clock::now();
    request.place = answered_++;
    request.answer_bytes = frame.size();
    request.refused = request.question.kind == Question::Kind::read &&
                      !read_ata_success(*header, frame, request.question.sectors * sector_bytes);
    if (request.refused)
        refusal_ = describe(*header, frame);
}

std::size_t Path::waiting_since(std::size_t first, Clock::time_point given_up_before) const {
    const auto begin = requests_.begin() + static_cast<std::ptrdiff_t>(first);
    return static_cast<std::size_t>(std::count_if(begin, requests_.end(), [&](const Request& request) {
        return request.answers == 0 && request.sent >= given_up_before;
    }));
}

ProbedSeries Path::evaluate(std::size_t first) const {
    ProbedSeries series;
    std::vector<std::chrono::nanoseconds> latencies;
    unsigned earliest_later = answered_; // place of the first answer to a request that was sent later
    for (std::size_t i = requests_.size(); i-- > first;) {
        const Request& request = requests_[i];
        ++series.sent;
        series.request_bytes = request.question.request_bytes;
        if (request.answers == 0)
            continue;
        ++series.answered;
        series.duplicates += request.answers - 1;
        series.reordered += request.place > earliest_later ? 1U : 0U;
        earliest_later = std::min(earliest_later, request.place);
        series.answer_bytes = std::max(series.answer_bytes, request.answer_bytes);
        latencies.emplace_back(request.answered - request.sent);
    }
    if (latencies.empty())
        return series;
    std::ranges::sort(latencies);
    series.min = latencies.front();
    series.median = latencies[latencies.size() / 2];
    series.p99 = latencies[(latencies.size() - 1) * 99 / 100];
    series.max = latencies.back();
    return series;
}

} // namespace aoetarget::initiator
