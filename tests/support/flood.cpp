#include "flood.hpp"

#include "check.hpp"

#include <chrono>
#include <utility>

#include <linux/if_packet.h>
#include <net/if.h>
#include <sys/socket.h>
#include <unistd.h>

namespace aoetest {

namespace {

constexpr std::size_t tag_at = 20;

} // namespace

Flood::Flood(const std::string& interface, std::vector<Bytes> frames, unsigned per_millisecond)
    : frames_(std::move(frames)), per_millisecond_(per_millisecond) {
    // Protocol 0: nothing is ever received.
    fd_ = ::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
    sockaddr_ll address{};
    address.sll_family = AF_PACKET;
    address.sll_ifindex = static_cast<int>(::if_nametoindex(interface.c_str()));
    if (fd_ < 0 || ::bind(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
        abort_test("no packet socket on " + interface);
    thread_ = std::thread([this] { run(); });
}

Flood::~Flood() {
    stop();
    ::close(fd_);
}

void Flood::stop() {
    ending_ = true;
    if (thread_.joinable())
        thread_.join();
}

void Flood::run() {
    auto due = std::chrono::steady_clock::now();
    while (!ending_) {
        for (unsigned i = 0; i < (per_millisecond_ == 0 ? 64 : per_millisecond_); ++i)
            send_one();
        if (per_millisecond_ == 0)
            continue;
        due += std::chrono::milliseconds(1);
        std::this_thread::sleep_until(due);
    }
}

void Flood::send_one() {
    Bytes& frame = frames_[next_++ % frames_.size()];
    for (std::size_t i = 0; i < 4; ++i)
        frame[tag_at + i] = static_cast<std::uint8_t>(next_ >> (24 - 8 * i));
    if (::send(fd_, frame.data(), frame.size(), MSG_DONTWAIT) > 0)
        sent_.fetch_add(1, std::memory_order_relaxed);
}

} // namespace aoetest
