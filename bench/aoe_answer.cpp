// Answers reads without a disk and with nothing between link and answer, so that only the cost of receiving
// and sending is left. This is the floor with which run.sh compares.
//
// Its data is the old content of the slot, so it is only for measuring.
#include "net/packet_link.hpp"
#include "protocol/ata.hpp"
#include "protocol/identify.hpp"

#include <algorithm>
#include <chrono>
#include <exception>
#include <string>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

namespace {

using namespace aoetarget;
using namespace aoetarget::protocol;

constexpr unsigned completion_entries = 4096;
constexpr std::uint16_t buffer_count = 64;

class Answerer final : private net::LinkEvents {
  public:
    Answerer(const std::string& interface, LinkKind kind, std::uint64_t sectors)
        : ring_(completion_entries), memories_(ring_), netfilter_(ring_, [] {}), sectors_(sectors),
          link_(interface, {.link = kind}, ring_, memories_, clock_, *this, events_, netfilter_, {address},
                nullptr) {
        link_.demand_lane();
        link_.replenish();
    }

    [[noreturn]] void run() {
        for (;;) {
            ring_.wait();
            link_.collect(std::chrono::steady_clock::now().time_since_epoch());
            link_.replenish();
            link_.send_in_groups(false, true);
            memories_.collect();
            ring_.run_deferred();
        }
    }
    [[nodiscard]] std::string description() const { return link_.description(); }

  private:
    static constexpr Address address{1, 0};

    bool received(core::LinkId, core::FrameSlot slot) override {
        const auto header = Header::parse(slot.frame());
        if (!header || header->response || !header->addresses(address))
            return false;
        std::size_t bytes = 0;
        if (header->command == static_cast<std::uint8_t>(AoeCommand::ata))
            bytes = answer_ata(slot);
        else if (header->command == static_cast<std::uint8_t>(AoeCommand::query_config))
            bytes = answer_query(slot);
        if (bytes == 0)
            return false;
        Header answer = *header;
        answer.destination = header->source;
        answer.source = link_.mac();
        answer.response = true;
        answer.shelf = address.shelf;
        answer.slot = address.slot;
        answer.write(slot.capacity());
        slot.set_length(std::max(bytes, min_frame_bytes));
        link_.send(std::move(slot));
        return true;
    }

    std::size_t answer_ata(const core::FrameSlot& slot) const {
        auto registers = AtaRegisters::parse(slot.frame());
        if (!registers)
            return 0;
        const AtaAction action = ata_command(registers->command_or_status).action;
        const std::size_t bytes = ata_header_bytes + registers->count * sector_bytes;
        if ((action != AtaAction::read && action != AtaAction::identify) || bytes > link_.max_frame())
            return 0;
        if (action == AtaAction::identify)
            write_identify(
                slot.capacity().subspan(ata_header_bytes, sector_bytes),
                {.serial = "answer", .model = "answer", .firmware = "1", .geometry = {.sectors = sectors_}});
        registers->count = 0;
        registers->command_or_status = ata_status_ready;
        registers->feature_or_error = 0;
        registers->write(slot.capacity());
        return bytes;
    }

    std::size_t answer_query(const core::FrameSlot& slot) const {
        QueryConfig answer;
        answer.buffer_count = buffer_count;
        answer.sectors_per_frame = static_cast<std::uint8_t>(link_.sectors_per_frame());
        answer.write(slot.capacity());
        return query_config_bytes;
    }

    void undeliverable(core::LinkId, core::FrameSlot) override {}
    void changed(core::LinkId) override {}
    [[nodiscard]] bool is_served(int) const override { return false; }
    [[nodiscard]] bool is_served_elsewhere(core::LinkId, int) const override { return false; }

    ring::Ring ring_;
    net::FrameMemories memories_;
    net::ArrivalClock clock_;
    core::EventLog events_; ///< Told to nobody.
    net::NetfilterMonitor netfilter_;
    std::uint64_t sectors_;
    net::PacketLink link_;
};

} // namespace

int main(int argc, char** argv) {
    CLI::App app("Answers AoE reads of 1.0 without a disk, until it is ended");
    std::string interface;
    std::uint64_t sectors = 1 << 20;
    bool packet = false;
    app.add_option("-i,--interface", interface, "interface to answer on")->required();
    app.add_option("--sectors", sectors, "what it claims to hold")->capture_default_str();
    app.add_flag("--packet", packet, "do without AF_XDP");
    CLI11_PARSE(app, argc, argv);
    try {
        Answerer answerer(interface, packet ? LinkKind::packet : LinkKind::automatic, sectors);
        fmt::print(stderr, "aoe-answer: {}\n", answerer.description());
        answerer.run();
    } catch (const std::exception& error) {
        fmt::print(stderr, "aoe-answer: {}\n", error.what());
        return 1;
    }
}
