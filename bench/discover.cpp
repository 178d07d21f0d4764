#include "discover.hpp"

#include <algorithm>
#include <array>
#include <stdexcept>

#include <fmt/format.h>

namespace bench {

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds first_pause{2};
constexpr std::chrono::milliseconds longest_pause{100};

struct Candidate {
    Export found;
    bool configured;

    bool complete() const { return configured && found.sectors != 0; }
};

void ask(Port& port, const Candidate& candidate, std::uint32_t tag) {
    std::array<std::byte, wire::shortest_frame> frame{};
    if (candidate.configured)
        wire::encode_ata(frame, {.target = candidate.found.mac,
                                 .source = port.mac(),
                                 .address = candidate.found.address,
                                 .tag = tag,
                                 .command = wire::Ata::identify,
                                 .sectors = 1,
                                 .lba = 0});
    else
        wire::encode_query(frame, port.mac(), candidate.found.address, tag);
    iovec vector{frame.data(), frame.size()};
    port.send({&vector, 1});
}

// Returns whether there is something new to ask the candidate.
bool learn(Candidate& candidate, const wire::Answer& answer, std::span<const std::byte> frame) {
    if (answer.failed())
        return false;
    if (answer.command == wire::Command::query && !candidate.configured) {
        candidate.configured = true;
        candidate.found.mac = answer.source;
        candidate.found.buffer_count = answer.buffer_count;
        candidate.found.max_sectors = answer.max_sectors;
        return true;
    }
    if (answer.command == wire::Command::ata && frame.size() >= wire::ata_header_bytes + wire::sector_bytes)
        candidate.found.sectors = wire::identified_sectors(frame.subspan(wire::ata_header_bytes));
    return false;
}

} // namespace

std::vector<Export> discover(Port& port, std::span<const wire::Address> addresses,
                             std::chrono::milliseconds patience) {
    std::vector<Candidate> candidates;
    for (const auto address : addresses)
        candidates.push_back({{address, {}, 0, 0, 0}, false});

    const auto give_up = Clock::now() + patience;
    auto pause = first_pause;
    for (;;) {
        for (std::size_t i = 0; i < candidates.size(); ++i)
            if (!candidates[i].complete())
                ask(port, candidates[i], static_cast<std::uint32_t>(i));

        for (const auto until = Clock::now() + pause; Clock::now() < until;) {
            port.wait(1);
            const std::size_t count = port.receive();
            for (std::size_t i = 0; i < count; ++i) {
                const auto answer = wire::decode(port.frame(i));
                if (!answer || answer->tag >= candidates.size())
                    continue;
                auto& candidate = candidates[answer->tag];
                if (candidate.found.address == answer->address && learn(candidate, *answer, port.frame(i)))
                    ask(port, candidate, answer->tag);
            }
            if (std::ranges::all_of(candidates, &Candidate::complete)) {
                std::vector<Export> exports;
                for (const auto& candidate : candidates)
                    exports.push_back(candidate.found);
                return exports;
            }
        }
        if (Clock::now() > give_up) {
            const auto missing = std::ranges::find_if_not(candidates, &Candidate::complete)->found.address;
            throw std::runtime_error(fmt::format(
                "e{}.{} does not answer: is the target up, and on the other end of this interface?",
                missing.shelf, missing.slot));
        }
        pause = std::min(pause * 2, longest_pause);
    }
}

} // namespace bench
