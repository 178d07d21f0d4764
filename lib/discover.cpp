// Discovery from the initiator's side: a broadcast Query Config, then an IDENTIFY DEVICE to each that
// answers. A plain packet socket and poll(2) do: nothing here is on a target's path.
#include <aoetarget/discover.hpp>

#include "net/interface.hpp"
#include "net/packet_socket.hpp"
#include "protocol/aoe.hpp"
#include "protocol/ata.hpp"
#include "protocol/identify.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <random>
#include <string_view>
#include <system_error>

#include <linux/filter.h>
#include <netpacket/packet.h>
#include <poll.h>
#include <sys/socket.h>

namespace aoetarget {
namespace {

using Clock = std::chrono::steady_clock;
using protocol::aoe_header_bytes, protocol::ata_header_bytes, protocol::query_config_bytes;

/// Every question goes out this often, evenly over the time: frames get lost.
constexpr int rounds = 3;
constexpr std::uint8_t ata_identify = 0xEC;
/// Linux fails a command on any of these: BSY, DF, DRQ, ERR (lib/protocol/README.md, "Registers in the
/// answer").
constexpr std::uint8_t ata_status_bad = 0xA9;
/// Nothing that we ask for is longer.
constexpr std::size_t max_answer = query_config_bytes + protocol::max_config_string;
/// Whatever a hostile network sends, the list stays bounded and the clock is looked at. Each target has a tag
/// of its own.
constexpr std::size_t max_targets = 0xFFFF;
constexpr int max_batch = 64;

[[noreturn]] void fail(int error, const std::string& interface, std::string_view why) {
    throw std::system_error(error, std::generic_category(), fmt::format("interface {}: {}", interface, why));
}

[[noreturn]] void fail_down(int error, const std::string& interface) {
    fail(error, interface, fmt::format("it is down; bring it up with 'ip link set {} up'", interface));
}

/// Tags as user space tools have them, with bit 31 set, so that the Linux driver on this host takes none of
/// the answers for its own (lib/protocol/README.md, "aoetools"). The high half is this run's, the low half
/// numbers the question.
std::uint32_t random_tag_base() {
    std::random_device random;
    return 0x80000000U | (static_cast<std::uint32_t>(random()) << 16 & 0x7FFF0000U);
}

class Socket {
  public:
    Socket(const std::string& interface, std::uint32_t tag_base)
        : interface_(interface), fd_(net::open_packet_socket(interface)) {
        const auto state = net::query_interface(interface);
        if (!state)
            fail(ENODEV, interface, "there is none of this name; list them with 'ip -br link'");
        if (!state->up)
            fail_down(ENETDOWN, interface);
        if (!state->ethernet)
            fail(EPROTONOSUPPORT, interface,
                 "it is not Ethernet; use one that is, for example a bridge or a VLAN");
        mac_ = state->mac;
        filter(tag_base);
        net::bind_packet_socket(fd_.get(), interface, state->index, protocol::ethertype_aoe);
    }

    [[nodiscard]] const MacAddress& mac() const { return mac_; }

    /// A full queue loses the frame, like a network does; the next round repeats it.
    void send(ConstBytes frame) const {
        if (::send(fd_.get(), frame.data(), frame.size(), 0) < 0 && (errno == ENETDOWN || errno == ENXIO))
            fail_down(errno, interface_);
    }

    /// The next frame that was meant for us, in `buffer`; empty where there is none yet.
    [[nodiscard]] ConstBytes receive(Bytes buffer) const {
        for (;;) {
            sockaddr_ll from{};
            socklen_t from_bytes = sizeof from;
            const ssize_t received = recvfrom(fd_.get(), buffer.data(), buffer.size(), 0,
                                              reinterpret_cast<sockaddr*>(&from), &from_bytes);
            if (received < 0 && (errno == ENETDOWN || errno == ENXIO))
                fail_down(errno, interface_);
            if (received < 0)
                return {};
            if (from.sll_pkttype != PACKET_OTHERHOST && from.sll_pkttype != PACKET_OUTGOING)
                return buffer.first(static_cast<std::size_t>(received));
        }
    }

    /// Returns whether there is something to receive before `deadline`.
    [[nodiscard]] bool wait_until(Clock::time_point deadline) const {
        for (;;) {
            const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now());
            if (left.count() <= 0)
                return false;
            pollfd socket{fd_.get(), POLLIN, 0};
            const int ready = poll(&socket, 1, static_cast<int>(left.count()));
            if (ready >= 0 || errno != EINTR)
                return ready > 0;
        }
    }

  private:
    /// Lets only frames with our tags through: a busy initiator's own traffic stays in the kernel.
    void filter(std::uint32_t tag_base) const {
        constexpr unsigned at_ethertype = 12, at_tag = 20;
        std::array program{
            sock_filter BPF_STMT(BPF_LD | BPF_H | BPF_ABS, at_ethertype),
            sock_filter BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, protocol::ethertype_aoe, 0, 4),
            sock_filter BPF_STMT(BPF_LD | BPF_W | BPF_ABS, at_tag),
            sock_filter BPF_STMT(BPF_ALU | BPF_AND | BPF_K, 0xFFFF0000U),
            sock_filter BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, tag_base, 0, 1),
            sock_filter BPF_STMT(BPF_RET | BPF_K, 0xFFFFFFFFU),
            sock_filter BPF_STMT(BPF_RET | BPF_K, 0),
        };
        const sock_fprog all{static_cast<unsigned short>(program.size()), program.data()};
        if (setsockopt(fd_.get(), SOL_SOCKET, SO_ATTACH_FILTER, &all, sizeof all) < 0)
            fail(errno, interface_, "cannot attach a socket filter");
    }

    std::string interface_;
    ring::FileDescriptor fd_;
    MacAddress mac_;
};

std::string trimmed(std::string_view text) {
    const auto is_padding = [](char c) { return c == ' ' || c == '\0'; };
    while (!text.empty() && is_padding(text.back()))
        text.remove_suffix(1);
    while (!text.empty() && is_padding(text.front()))
        text.remove_prefix(1);
    return std::string(text);
}

class Discovery {
  public:
    explicit Discovery(const std::string& interface) : socket_(interface, tag_base_) {}

    std::vector<DiscoveredTarget> run(std::chrono::milliseconds timeout) {
        const auto start = Clock::now();
        for (int round = 0; round < rounds; ++round) {
            ask_all();
            const auto deadline = start + timeout * (round + 1) / rounds;
            while (socket_.wait_until(deadline))
                take_answers();
        }
        std::ranges::sort(
            found_, {}, [](const DiscoveredTarget& target) { return std::pair(target.address, target.mac); });
        return std::move(found_);
    }

  private:
    using Request = std::array<std::byte, protocol::min_frame_bytes>;

    Request request(const MacAddress& destination, protocol::AoeCommand command, std::uint32_t tag) const {
        protocol::Header header;
        header.destination = destination;
        header.source = socket_.mac();
        header.shelf = protocol::any_shelf;
        header.slot = protocol::any_slot;
        header.command = static_cast<std::uint8_t>(command);
        header.tag = tag;
        Request frame{};
        header.write(frame);
        return frame;
    }

    void ask_all() {
        Request frame = request(MacAddress::broadcast(), protocol::AoeCommand::query_config, tag_base_);
        protocol::QueryConfig{}.write(frame);
        socket_.send(frame);
        for (std::size_t i = 0; i < found_.size(); ++i)
            ask_identity(i);
    }

    /// The tag tells whose answer it will be. What was answered is not asked again.
    void ask_identity(std::size_t index) {
        const DiscoveredTarget& target = found_[index];
        if (target.sectors != 0)
            return;
        Request frame = request(target.mac, protocol::AoeCommand::ata, identify_tag(index));
        protocol::Header header = *protocol::Header::parse(frame);
        header.shelf = target.address.shelf;
        header.slot = target.address.slot;
        header.write(frame);
        protocol::AtaRegisters registers;
        registers.count = 1;
        registers.command_or_status = ata_identify;
        registers.write(frame);
        socket_.send(frame);
    }

    void take_answers() {
        std::array<std::byte, max_answer> buffer;
        for (int i = 0; i < max_batch; ++i) {
            const ConstBytes frame = socket_.receive(buffer);
            const auto header = protocol::Header::parse(frame);
            if (!header)
                return;
            if (!header->response || header->version != protocol::aoe_version ||
                header->error != protocol::AoeError::none || header->is_wildcard())
                continue; // our own request come back on `lo`, or somebody else's mistake
            if (header->tag == tag_base_)
                take_config(*header, frame);
            else
                take_identity(*header, frame);
        }
    }

    void take_config(const protocol::Header& header, ConstBytes frame) {
        const auto query = protocol::QueryConfig::parse(frame);
        if (header.command != static_cast<std::uint8_t>(protocol::AoeCommand::query_config) || !query)
            return;
        const Address address{header.shelf, header.slot};
        const auto known = std::ranges::find_if(found_, [&](const DiscoveredTarget& target) {
            return target.address == address && target.mac == header.source;
        });
        if (known != found_.end() || found_.size() == max_targets)
            return;
        DiscoveredTarget target;
        target.address = address;
        target.mac = header.source;
        target.sectors_per_frame = query->sectors_per_frame;
        target.buffer_count = query->buffer_count;
        target.firmware_version = query->firmware_version;
        const ConstBytes text = frame.subspan(query_config_bytes);
        const std::size_t text_bytes = std::min<std::size_t>(query->string_length, text.size());
        target.config_string.assign(reinterpret_cast<const char*>(text.data()), text_bytes);
        found_.push_back(std::move(target));
        ask_identity(found_.size() - 1);
    }

    void take_identity(const protocol::Header& header, ConstBytes frame) {
        const std::size_t index = header.tag - identify_tag(0);
        const auto registers = protocol::AtaRegisters::parse(frame);
        if (header.command != static_cast<std::uint8_t>(protocol::AoeCommand::ata) ||
            index >= found_.size() || !registers || (registers->command_or_status & ata_status_bad) != 0 ||
            frame.size() < ata_header_bytes + sector_bytes)
            return;
        DiscoveredTarget& target = found_[index];
        if (!header.addresses(target.address) || header.source != target.mac)
            return;
        const auto summary = protocol::IdentifySummary::parse(frame.subspan(ata_header_bytes));
        target.sectors = summary.sectors;
        target.model = trimmed({summary.model.data(), summary.model.size()});
        target.serial = trimmed({summary.serial.data(), summary.serial.size()});
    }

    [[nodiscard]] std::uint32_t identify_tag(std::size_t index) const {
        return tag_base_ + 1 + static_cast<std::uint32_t>(index);
    }

    const std::uint32_t tag_base_ = random_tag_base();
    Socket socket_;
    std::vector<DiscoveredTarget> found_;
};

} // namespace

std::vector<DiscoveredTarget> discover(const std::string& interface, std::chrono::milliseconds timeout) {
    return Discovery(interface).run(timeout);
}

} // namespace aoetarget
