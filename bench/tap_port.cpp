// A tap device costs the load the least: a frame goes straight to the receiver on the interface, and frames
// that are sent there only wait to be read. So the figures are those of the target, which does no work for
// the load.
#include "port.hpp"

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <limits>
#include <system_error>
#include <vector>

#include <net/if.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

namespace bench {

namespace {

constexpr std::size_t ethernet_header_bytes = 14;
constexpr wire::Mac load_mac{0x02, 0, 0, 0, 0, 0x01};

unsigned mtu_of(const std::string& interface) {
    ifreq request{};
    interface.copy(request.ifr_name, sizeof request.ifr_name - 1);
    const int any = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    const int result = ioctl(any, SIOCGIFMTU, &request);
    const int error = errno;
    close(any);
    if (result < 0)
        throw std::system_error(error, std::generic_category(), interface);
    return static_cast<unsigned>(request.ifr_mtu);
}

// Frames that found the queue to us full.
std::uint64_t drops_of(const std::string& interface) {
    constexpr int transmit_drops = 12; // its column in /proc/net/dev
    std::ifstream devices("/proc/net/dev");
    for (std::string name; devices >> name;
         devices.ignore(std::numeric_limits<std::streamsize>::max(), '\n')) {
        if (name != interface + ":")
            continue;
        std::uint64_t number = 0;
        for (int column = 0; column < transmit_drops; ++column)
            devices >> number;
        return number;
    }
    return 0;
}

class TapPort final : public Port {
  public:
    TapPort(const std::string& interface, int descriptor, unsigned batch)
        : interface_(interface), fd_(descriptor), lengths_(batch) {
        mac_ = load_mac;
        mtu_ = mtu_of(interface);
        slot_bytes_ = ethernet_header_bytes + mtu_;
        memory_.resize(slot_bytes_ * batch);
    }

    std::size_t receive() override {
        std::size_t count = 0;
        for (; count < lengths_.size(); ++count) {
            const ssize_t length = read(fd_, memory_.data() + count * slot_bytes_, slot_bytes_);
            if (length < 0)
                break;
            lengths_[count] = static_cast<std::size_t>(length);
        }
        if (count == 0 && errno != EAGAIN && errno != EINTR)
            throw std::system_error(errno, std::generic_category(), "receive");
        return count;
    }
    std::span<const std::byte> frame(std::size_t index) const override {
        return {memory_.data() + index * slot_bytes_, lengths_[index]};
    }
    std::size_t wire_bytes(std::size_t index) const override { return lengths_[index]; }

    std::size_t send(std::span<const iovec> frames) override {
        std::size_t sent = 0;
        for (; sent < frames.size(); ++sent) {
            const auto [data, bytes] = frames[sent];
            if (write(fd_, data, bytes) >= 0)
                continue;
            if (errno != EAGAIN && errno != ENOBUFS && errno != EINTR)
                throw std::system_error(errno, std::generic_category(), "send");
            break;
        }
        return sent;
    }

    void wait(int milliseconds) const override {
        pollfd readable{fd_, POLLIN, 0};
        poll(&readable, 1, milliseconds);
    }

    std::uint64_t dropped() override {
        const std::uint64_t before = dropped_;
        dropped_ = drops_of(interface_);
        return dropped_ - before;
    }

  private:
    std::string interface_;
    int fd_;
    std::size_t slot_bytes_ = 0;
    std::vector<std::byte> memory_;
    std::vector<std::size_t> lengths_;
    std::uint64_t dropped_ = 0;
};

} // namespace

std::unique_ptr<Port> open_tap_port(const std::string& interface, int descriptor, unsigned batch) {
    return std::make_unique<TapPort>(interface, descriptor, batch);
}

} // namespace bench
