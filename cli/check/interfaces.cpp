// One judgement for each property of an interface.
#include "check/interfaces.hpp"

#include "service/advice.hpp"
#include "service/report.hpp"
#include "text.hpp"

#include <fmt/format.h>

namespace cli {
namespace {

// Of 4 KiB, in which file systems write.
constexpr unsigned sectors_of_a_block = 8;
constexpr unsigned frame_header_bytes = 14;
constexpr unsigned usual_jumbo_mtu = 9000;

class Judgement {
  public:
    Judgement(const InterfaceSpec& spec, const aoetarget::InterfaceInspection& found)
        : spec_(spec), found_(found), subject_("interface " + found.stats.name) {}

    Findings make(std::uint64_t largest_buffer_bytes) {
        add(Weight::ok, describe_interface(found_.stats));
        state();
        frames();
        buffer(largest_buffer_bytes);
        link();
        for (const std::string& note : rule_notes(found_.stats))
            all_.push_back(finding_of(Weight::note, subject_, note));
        if (const std::string note = buffers_note(found_.stats); !note.empty())
            add(Weight::note, note);
        for (const std::string& note : advice_on(spec_))
            add(Weight::note, note);
        return std::move(all_);
    }

  private:
    void add(Weight weight, std::string text, std::string cure = {}) {
        all_.push_back({weight, subject_, std::move(text), std::move(cure)});
    }

    void state() {
        const std::string note = state_note(found_.stats);
        if (note.empty())
            return;
        const bool never_serves = !found_.stats.port_of.empty() || found_.stats.sectors_per_frame == 0;
        add(never_serves ? Weight::error : Weight::warning, note);
        if (found_.stats.port_of.empty())
            add(Weight::note, found_.is_set_up
                                  ? "it is set up, and there is no carrier (cable, switch, far end)"
                                  : "nobody has set it up");
    }

    void frames() {
        const aoetarget::InterfaceStats& stats = found_.stats;
        add(Weight::ok,
            fmt::format("the MTU of {} permits frames of {} bytes, and {} of 512 bytes in each", stats.mtu,
                        stats.mtu + frame_header_bytes,
                        stats.sectors_per_frame == 1 ? "1 sector"
                                                     : fmt::format("{} sectors", stats.sectors_per_frame)));
        const unsigned wanted = spec_.options.sectors_per_frame;
        if (wanted > stats.sectors_per_frame)
            add(Weight::warning, fmt::format("sectors-per-frame={} is more than the MTU carries: the target "
                                             "advertises {}",
                                             wanted, stats.sectors_per_frame));
        else if (wanted == 0 && stats.sectors_per_frame < sectors_of_a_block)
            add(Weight::note,
                fmt::format("a request of 4 KiB takes {} frames",
                            (sectors_of_a_block + stats.sectors_per_frame - 1) /
                                std::max(1U, stats.sectors_per_frame)),
                fmt::format("if all switches and initiators can take it, 'ip link set {} mtu {}'", stats.name,
                            usual_jumbo_mtu));
    }

    void buffer(std::uint64_t largest_buffer_bytes) {
        if (!found_.socket_error.empty()) {
            Finding finding = finding_of(Weight::error, subject_, found_.socket_error);
            finding.of_permission = true;
            all_.push_back(finding);
            return;
        }
        const std::string numbers = fmt::format(
            "the receive buffer is {} of {} asked for, room for {} of the longest frames",
            human_size(found_.buffer_bytes), human_size(found_.wanted_buffer_bytes), found_.buffer_frames);
        if (found_.buffer_bytes >= found_.wanted_buffer_bytes)
            return add(Weight::ok, numbers);
        add(Weight::warning,
            fmt::format("{}; the limit net.core.rmem_max is {}, and CAP_NET_ADMIN is missing, which lifts it",
                        numbers, largest_buffer_bytes),
            fmt::format("'sysctl net.core.rmem_max={}', or give it the capability",
                        found_.wanted_buffer_bytes / 2));
    }

    void link() {
        if (!found_.refusal.empty())
            all_.push_back(finding_of(Weight::error, subject_, found_.refusal));
        else if (spec_.options.link == aoetarget::LinkKind::packet)
            add(Weight::ok, "packet sockets serve it, as link=packet asks");
        else if (found_.stats.link.starts_with("xdp"))
            add(Weight::ok, fmt::format("AF_XDP serves it ({}), unless the driver refuses when it is set up",
                                        found_.stats.link));
        else
            add(Weight::note, fmt::format("packet sockets serve it, and not AF_XDP: {}", reason()));
    }

    [[nodiscard]] std::string reason() const {
        const std::string& link = found_.stats.link;
        return link.substr(std::min(link.size(), link.find(": ") + 2));
    }

    const InterfaceSpec& spec_;
    const aoetarget::InterfaceInspection& found_;
    const std::string subject_;
    Findings all_;
};

} // namespace

std::string subject_of(const InterfaceSpec& spec) {
    return "interface " + spec.name;
}

Findings judge_interface(const InterfaceSpec& spec, const aoetarget::InterfaceInspection& found,
                         std::uint64_t largest_buffer_bytes) {
    return Judgement(spec, found).make(largest_buffer_bytes);
}

Findings judge_absence(const InterfaceSpec& spec) {
    return {{Weight::note, subject_of(spec), waited_for_note(spec.name)}};
}

} // namespace cli
