// Answers for which the interface has no room: a tap device whose reader is slow plays a network card that is
// slower than the target, or that flow control stops.
#include "support/catch.hpp"
#include "target_fixture.hpp"

#include <algorithm>
#include <cerrno>
#include <set>
#include <system_error>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <sys/ioctl.h>

using namespace aoetest;
using aoetarget::LinkKind;
using aoetarget::Target;
using Clock = std::chrono::steady_clock;

namespace {

/// An interface whose other end is this test. The kernel keeps `ring` frames for it at most.
class Tap {
  public:
    Tap(const std::string& name, unsigned ring) {
        enter_test_network();
        fd_ = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
        ifreq request{};
        name.copy(request.ifr_name, IFNAMSIZ - 1);
        request.ifr_flags = IFF_TAP | IFF_NO_PI;
        if (fd_ < 0 || ioctl(fd_, TUNSETIFF, &request) < 0)
            return;
        const int socket = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        request.ifr_qlen = static_cast<int>(ring);
        is_there_ = ioctl(socket, SIOCSIFTXQLEN, &request) == 0;
        close(socket);
        set_link(name, true);
    }
    ~Tap() { go(); }
    Tap(const Tap&) = delete;
    Tap& operator=(const Tap&) = delete;

    [[nodiscard]] bool is_there() const { return is_there_; }
    /// Ends the interface.
    void go() { close(std::exchange(fd_, -1)); }
    void send(const Bytes& frame) const {
        if (write(fd_, frame.data(), frame.size()) < 0)
            abort_test("cannot write to a tap device");
    }
    /// Returns the next frame, or an empty one if none comes within `timeout`.
    [[nodiscard]] Reply receive(Milliseconds timeout) const {
        Reply reply{Bytes(2048)};
        pollfd waiting{.fd = fd_, .events = POLLIN, .revents = 0};
        poll(&waiting, 1, static_cast<int>(timeout.count()));
        reply.bytes.resize(
            static_cast<std::size_t>(std::max<ssize_t>(0, read(fd_, reply.bytes.data(), 2048))));
        return reply;
    }

  private:
    int fd_ = -1;
    bool is_there_ = false;
};

struct TapScene {
    explicit TapScene(LinkKind link)
        : running(
              [&](Target& target) {
                  if (tap.is_there())
                      has_link = add(target, link);
                  target.add_export(at(1, 1), Volume::make(log));
              },
              {.buffer_count = 128}) {
        if (tap.is_there())
            mac = mac_of("tap-t");
    }

    /// Returns false where the link is not possible.
    static bool add(Target& target, LinkKind link) {
        try {
            target.add_interface("tap-t", {.link = link});
            return true;
        } catch (const std::system_error&) {
            return false;
        }
    }

    void ask(std::uint32_t tag) {
        Request request = read_request(tag % 1024, 2).tagged(tag).from(numbered_mac(1 + tag % initiators));
        request.destination = mac;
        tap.send(request.encode());
    }
    /// Returns the tag of the next answer, or 0 if none comes any more.
    std::uint32_t answer() {
        for (;;) {
            const Reply reply = tap.receive(Milliseconds(500));
            if (reply.bytes.empty() || (reply.is_response() && reply.tag() != 0))
                return reply.tag();
        }
    }
    aoetarget::InterfaceStats interface() { return running.stats().interfaces.at(0); }

    static constexpr unsigned initiators = 4;
    Patience patience;
    Tap tap{"tap-t", 64};
    bool has_link = false;
    Mac mac;
    VolumeLog log;
    RunningTarget running;
};

} // namespace

namespace {

constexpr std::uint32_t window = 160; // of four initiators together

struct Exchange {
    std::uint32_t answered = 0;
    /// The longest time that this test took to read the answers of a window, which is the longest that one of
    /// them can have waited for room.
    Clock::duration longest_wait{};
};

/// Asks `total` times, and reads so slowly that the ring is full at times.
Exchange ask_and_read_slowly(TapScene& scene, std::uint32_t total) {
    Exchange exchange;
    std::vector<Clock::time_point> asked;
    while (exchange.answered < total) {
        while (asked.size() < total && asked.size() < exchange.answered + window) {
            scene.ask(static_cast<std::uint32_t>(asked.size()) + 1);
            asked.push_back(Clock::now());
        }
        if (exchange.answered % 32 == 0)
            std::this_thread::sleep_for(Milliseconds(2));
        if (scene.answer() == 0)
            break;
        exchange.longest_wait = std::max(exchange.longest_wait, Clock::now() - asked[exchange.answered]);
        ++exchange.answered;
    }
    return exchange;
}

} // namespace

TEST_CASE("no answer is lost while the ring of an interface is full for a moment", "[target][network]") {
    constexpr std::uint32_t total = 4000;
    const LinkKind link = GENERATE(LinkKind::packet, LinkKind::automatic, LinkKind::xdp);
    CAPTURE(static_cast<int>(link));
    TapScene scene(link);
    if (!scene.tap.is_there())
        SKIP_BECAUSE("has no tap devices here");
    if (!scene.has_link)
        SKIP_BECAUSE("has no XDP here");
    CHECK((link != LinkKind::xdp || scene.interface().link.starts_with("xdp")));
    // On a busy machine this test may be kept from its processor for longer than answers wait. Then it tries
    // again.
    aoetarget::InterfaceStats before, after;
    Exchange exchange;
    for (unsigned attempt = 0; attempt < 20; ++attempt) {
        before = scene.interface();
        exchange = ask_and_read_slowly(scene, total);
        after = scene.interface();
        if (exchange.answered == total || exchange.longest_wait < Milliseconds(80))
            break;
    }
    CHECK(exchange.answered == total);
    CHECK(after.tx_errors == before.tx_errors);
    CHECK(after.tx_retries > before.tx_retries);
    CHECK(after.tx_frames >= before.tx_frames + total);
}

TEST_CASE("answers are given up after a tenth of a second without room, and nothing spins meanwhile",
          "[target][network]") {
    TapScene scene(GENERATE(LinkKind::packet, LinkKind::automatic));
    if (!scene.tap.is_there())
        SKIP_BECAUSE("has no tap devices here");
    scene.ask(1);
    REQUIRE(scene.answer() == 1);
    for (std::uint32_t tag = 2; tag < 202; ++tag)
        scene.ask(tag);
    const auto began = Clock::now();
    std::clock_t processor = std::clock();
    while (scene.interface().tx_errors < 200 - 64 - 8 && Clock::now() - began < std::chrono::seconds(5))
        std::this_thread::sleep_for(Milliseconds(5));
    const auto time = Clock::now() - began;
    processor = std::clock() - processor;
    CHECK(time > Milliseconds(80));
    CHECK(time < Milliseconds(2000)); // on a busy machine
    CHECK(std::chrono::microseconds(2 * processor) < time);
    const std::uint64_t lost = scene.interface().tx_errors;
    std::uint32_t answered = 0;
    while (scene.answer() != 0)
        ++answered;
    CHECK(answered + lost == 200);
    scene.ask(1000);
    CHECK(scene.answer() == 1000); // there is room again
}

TEST_CASE("a target ends although the interface of its last answers goes", "[target][network]") {
    for (int attempt = 0; attempt < 40; ++attempt) { // some of them meet answers that are in the lane
        TapScene scene(LinkKind::automatic);
        if (!scene.tap.is_there())
            SKIP_BECAUSE("has no tap devices here");
        for (std::uint32_t tag = 1; tag < 60; ++tag)
            scene.ask(tag);
        scene.running.target().stop();
        std::this_thread::sleep_for(std::chrono::microseconds(20 * attempt));
        scene.tap.go();
        scene.running.join();
    }
    SUCCEED();
}
