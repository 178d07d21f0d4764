// The probe: who answers, how long frames can be, and how many get lost.
#include <aoetarget/probe.hpp>

#include "initiator/discovery.hpp"
#include "initiator/length_search.hpp"
#include "initiator/path.hpp"
#include "initiator/verdict.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

namespace aoetarget {
namespace {

using namespace std::chrono_literals;
using initiator::LengthSearch, initiator::Path, initiator::Question, initiator::frame_bytes;
using Kind = Question::Kind;

/// Several times as long as a target on a local network takes; asked again if something is missing.
constexpr auto look_for_target = 600ms, look_for_others = 1000ms;
constexpr int looks = 3;
constexpr std::size_t max_listed = 64;
/// An initiator has more under way than this, and a hub or a slow port still bears it.
constexpr std::size_t max_window = 4, max_window_bytes = 65536;
/// Linux uses this many with a target that advertises none.
constexpr unsigned default_sectors = 2;
/// A padded request that every interface which can carry AoE can carry.
constexpr std::size_t short_padded_bytes = 548;

class Probe {
  public:
    Probe(const std::string& interface, const Address& address) : socket_(interface, tag_base_) {
        const net::InterfaceState& state = socket_.interface();
        if (!state.carrier)
            initiator::fail(ENETDOWN, interface, "it has no link; check the cable, and the other end");
        report_.interface = interface;
        report_.mtu = state.mtu;
        report_.mac = state.mac;
        report_.port_of = state.port_of;
        report_.address = address;
    }

    ProbeReport run() {
        find_target();
        if (!report_.targets.empty())
            measure_path();
        report_.findings = initiator::judge(report_);
        return std::move(report_);
    }

  private:
    void find_target() {
        const auto is_complete = [&] {
            return !report_.targets.empty() && std::ranges::all_of(report_.targets, [](const auto& target) {
                return target.sectors != 0;
            });
        };
        for (int i = 0; i < looks && !is_complete(); ++i) {
            auto found = initiator::discover(report_.interface, report_.address, look_for_target);
            std::erase_if(found, [&](const auto& target) { return target.address != report_.address; });
            if (found.size() > max_listed)
                found.resize(max_listed);
            if (found.size() >= report_.targets.size()) // some may have been lost this time
                report_.targets = std::move(found);
        }
        if (!report_.targets.empty())
            return;
        for (DiscoveredTarget& target : discover(report_.interface, look_for_others)) {
            auto& list = target.address == report_.address ? report_.targets : report_.others;
            if (list.size() < max_listed)
                list.push_back(std::move(target));
        }
    }

    void measure_path() {
        const DiscoveredTarget& target = report_.targets.front();
        const unsigned theirs = target.sectors_per_frame == 0 ? default_sectors : target.sectors_per_frame;
        report_.sectors_in_use = std::min(theirs, protocol::sectors_fitting(report_.mtu));
        report_.bytes_in_use = frame_bytes(report_.sectors_in_use);
        Path path(socket_, target, tag_base_);
        report_.small = measure(path, {}, protocol::min_frame_bytes);
        if (report_.small.answered == 0 || report_.sectors_in_use == 0)
            return;
        measure_way_to(path);
        if (!still_answers(path)) {
            report_.to_target = {};
            report_.to_large = {};
            return;
        }
        measure_way_from(path);
        report_.answers_at_end = still_answers(path);
        if (!report_.answers_at_end) {
            report_.from_target = {};
            report_.from_large = {};
        }
    }

    static bool still_answers(Path& path) { return path.ask({}) != Path::Outcome::lost; }

    void measure_way_to(Path& path) {
        Question question{.kind = Kind::config, .request_bytes = short_padded_bytes};
        if (path.ask(question) == Path::Outcome::lost) {
            question.kind = Kind::identify;
            if (path.ask(question) == Path::Outcome::lost)
                return;
        }
        // Half of the usual faults are an MTU of 1500. Linux bridges add four bytes for a VLAN tag.
        using protocol::ethernet_header_bytes;
        constexpr std::array<std::size_t, 2> hints{1500 + ethernet_header_bytes,
                                                   1500 + ethernet_header_bytes + 5};
        const std::size_t largest = report_.mtu + ethernet_header_bytes;
        LengthSearch search(short_padded_bytes + 1, largest, hints);
        for (auto length = search.next(); length; length = search.next()) {
            question.request_bytes = *length;
            search.tried(*length, path.ask(question) != Path::Outcome::lost);
        }
        report_.to_target.longest = search.limit();
        report_.to_target.shortest_lost = search.limit() < largest ? search.limit() + 1 : 0;
        question.request_bytes = std::min(report_.bytes_in_use, search.limit());
        report_.to_large = measure(path, question, question.request_bytes);
    }

    void measure_way_from(Path& path) {
        const std::uint64_t capacity = report_.targets.front().sectors;
        const std::size_t largest = capacity == 0 ? report_.sectors_in_use
                                                  : std::min<std::uint64_t>(report_.sectors_in_use, capacity);
        constexpr std::array<std::size_t, 2> hints{2, 3}; // an MTU of 1500
        Question question{.kind = Kind::read};
        LengthSearch search(1, largest, hints);
        for (auto sectors = search.next(); sectors; sectors = search.next()) {
            question.sectors = static_cast<unsigned>(*sectors);
            const Path::Outcome outcome = path.ask(question);
            if (outcome == Path::Outcome::refused) {
                report_.refusal = path.refusal();
                return;
            }
            search.tried(*sectors, outcome == Path::Outcome::answered);
        }
        question.sectors = static_cast<unsigned>(search.limit());
        const std::size_t lost = search.limit() < largest ? frame_bytes(question.sectors + 1) : 0;
        report_.from_target = {question.sectors == 0 ? 0 : frame_bytes(question.sectors), lost};
        if (question.sectors > 0)
            report_.from_large = measure(path, question, frame_bytes(question.sectors));
    }

    /// The window is what the target allows, and less for long frames.
    ProbedSeries measure(Path& path, const Question& question, std::size_t longest_frame) {
        const std::size_t fitting = std::min(max_window, max_window_bytes / longest_frame);
        const std::size_t allowed = std::min<std::size_t>(fitting, report_.targets.front().buffer_count);
        return path.measure(question, static_cast<unsigned>(std::max<std::size_t>(1, allowed)));
    }

    const std::uint32_t tag_base_ = initiator::random_tag_base();
    initiator::Socket socket_;
    ProbeReport report_;
};

} // namespace

std::string_view name(ProbeFindingKind kind) noexcept {
    switch (kind) {
    case ProbeFindingKind::fine:
        return "fine";
    case ProbeFindingKind::no_answer:
        return "no-answer";
    case ProbeFindingKind::other_targets:
        return "other-targets";
    case ProbeFindingKind::unicast_silent:
        return "unicast-silent";
    case ProbeFindingKind::fell_silent:
        return "fell-silent";
    case ProbeFindingKind::path_mtu:
        return "path-mtu";
    case ProbeFindingKind::frame_limit:
        return "frame-limit";
    case ProbeFindingKind::padding_dropped:
        return "padding-dropped";
    case ProbeFindingKind::reads_refused:
        return "reads-refused";
    case ProbeFindingKind::not_identified:
        return "not-identified";
    case ProbeFindingKind::few_buffers:
        return "few-buffers";
    case ProbeFindingKind::address_conflict:
        return "address-conflict";
    case ProbeFindingKind::several_paths:
        return "several-paths";
    case ProbeFindingKind::loss:
        return "loss";
    case ProbeFindingKind::duplicates:
        return "duplicates";
    case ProbeFindingKind::reordering:
        return "reordering";
    }
    return "";
}

ProbeReport probe(const std::string& interface, const Address& address) {
    return Probe(interface, address).run();
}

} // namespace aoetarget
