// Discovery: a broadcast Query Config, then an IDENTIFY DEVICE to each target that answers.
#include "initiator/discovery.hpp"

#include "initiator/questions.hpp"
#include "initiator/socket.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace aoetarget {
namespace {

using initiator::Clock;

/// Each question goes out this many times, evenly over the time, because frames get lost.
constexpr int rounds = 3;
/// These bounds hold against a hostile network: the list stays bounded, and the loop reads the clock after
/// each batch. Each target has a tag of its own.
constexpr std::size_t max_targets = 0xFFFF;
constexpr int max_batch = 64;

class Discovery {
  public:
    Discovery(const std::string& interface, const Address& address)
        : address_(address), socket_(interface, tag_base_) {}

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
    void ask_all() {
        initiator::ShortFrame frame{};
        const initiator::Route route{socket_.mac(), MacAddress::broadcast(), address_};
        initiator::write_config_question(frame, route, tag_base_);
        socket_.send(frame);
        for (std::size_t i = 0; i < found_.size(); ++i)
            ask_identity(i);
    }

    /// The tag tells which target the answer comes from. A target that has answered is not asked again.
    void ask_identity(std::size_t index) {
        const DiscoveredTarget& target = found_[index];
        if (target.sectors != 0)
            return;
        initiator::ShortFrame frame{};
        const initiator::Route route{socket_.mac(), target.mac, target.address};
        initiator::write_ata_question(frame, route, identify_tag(index), initiator::identify_registers());
        socket_.send(frame);
    }

    void take_answers() {
        std::array<std::byte, initiator::max_short_answer> buffer;
        for (int i = 0; i < max_batch; ++i) {
            const ConstBytes frame = socket_.receive(buffer);
            if (frame.empty())
                return;
            const auto header = initiator::read_answer(frame);
            if (header && header->tag == tag_base_)
                take_config(*header, frame);
            else if (header && header->tag - identify_tag(0) < found_.size())
                initiator::take_identity(*header, frame, found_[header->tag - identify_tag(0)]);
        }
    }

    void take_config(const protocol::Header& header, ConstBytes frame) {
        auto target = initiator::read_config(header, frame);
        if (!target || found_.size() == max_targets)
            return;
        const auto known = std::ranges::find_if(found_, [&](const DiscoveredTarget& other) {
            return other.address == target->address && other.mac == target->mac;
        });
        if (known != found_.end())
            return;
        found_.push_back(std::move(*target));
        ask_identity(found_.size() - 1);
    }

    [[nodiscard]] std::uint32_t identify_tag(std::size_t index) const {
        return tag_base_ + 1 + static_cast<std::uint32_t>(index);
    }

    const std::uint32_t tag_base_ = initiator::random_tag_base();
    const Address address_;
    initiator::Socket socket_;
    std::vector<DiscoveredTarget> found_;
};

} // namespace

std::vector<DiscoveredTarget> initiator::discover(const std::string& interface, const Address& address,
                                                  std::chrono::milliseconds timeout) {
    return Discovery(interface, address).run(timeout);
}

std::vector<DiscoveredTarget> discover(const std::string& interface, std::chrono::milliseconds timeout) {
    return initiator::discover(interface, initiator::everybody, timeout);
}

} // namespace aoetarget
