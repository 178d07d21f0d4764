// Programs that talk to the control socket of a real target, which serves nothing at first. Each line of the
// input is a packet: the number of a connection, letters, a space, and the text.
//
//     0 {"version":1,"do":"status"}
//     1a {"version":1,"do":"open","devices":[{"export":"1.1","facts":@,"files":2}]}
//
// `r`, `p`, `s` and `n` attach a regular file, a pipe, a socket and /dev/null, `a` and `b` the files of one
// of two disks, whose facts take the place of @. ~ is a long text. After `w` the next line follows at once,
// and after `x` the connection is closed; otherwise all answers are awaited. No request is without an answer
// unless its connection is closed, no answer is anything but JSON that says whether it is well, what is
// refused changes nothing, the target serves what its configuration says, and no descriptor is left.
#include "fuzz_target.hpp"

#include "config/path_text.hpp"
#include "control/budget.hpp"
#include "control/control_socket.hpp"
#include "control/packet.hpp"
#include "control/server.hpp"
#include "service/target_session.hpp"
#include "support/open_files.hpp"

#include <aoetarget/hand_over.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <filesystem>
#include <iterator>
#include <memory>
#include <string_view>
#include <thread>

#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace {

using aoetest::require;
using cli::Descriptor;
using nlohmann::json;
using Clock = std::chrono::steady_clock;

constexpr std::size_t connection_count = 4; // and the server has room for one less
constexpr std::size_t long_text_bytes = std::size_t{64} << 10;

/// What an input may ask for must not reach the networks of this machine.
void leave_network() {
    if (unshare(CLONE_NEWNET) == 0)
        return;
    __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
    const __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3]{};
    require(syscall(SYS_capset, &header, none) == 0, "this process gives up its capabilities");
}

/// A folder with two disks, for all inputs.
class Place {
  public:
    Place() {
        leave_network();
        std::string path = std::filesystem::temp_directory_path() / "control-fuzz-XXXXXX";
        require(mkdtemp(path.data()) != nullptr, "a folder");
        path_ = path;
        for (const char letter : {'a', 'b'}) {
            const Descriptor file(open(disk(letter).c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
            require(ftruncate(file.number(), 1 << 20) == 0, "a disk");
        }
    }
    ~Place() { std::filesystem::remove_all(path_); }
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;

    [[nodiscard]] std::string disk(char letter) const { return path_ / std::string(1, letter); }
    [[nodiscard]] std::string socket() const { return path_ / "sock"; }

  private:
    std::filesystem::path path_;
};

/// What rides along with a packet.
class Attached {
  public:
    void add(char letter, const Place& place) {
        if (descriptors_.size() + 4 > cli::max_packet_descriptors)
            return;
        if (letter == 'r')
            own(open(place.disk('a').c_str(), O_RDONLY | O_CLOEXEC));
        else if (letter == 'n')
            own(open("/dev/null", O_RDWR | O_CLOEXEC));
        else if (letter == 's')
            own(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
        else if (letter == 'p')
            add_pipe();
        else if (letter == 'k')
            add_packet_socket();
        else if (letter == 'a' || letter == 'b')
            add_disk(place.disk(letter));
    }
    [[nodiscard]] const std::vector<int>& descriptors() const { return descriptors_; }
    /// Of the last disk, as JSON.
    [[nodiscard]] const std::string& facts() const { return facts_; }

  private:
    void own(int descriptor) {
        owned_.emplace_back(descriptor);
        descriptors_.push_back(descriptor);
    }
    /// Only root can open one.
    void add_packet_socket() {
        if (const int descriptor = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0); descriptor >= 0)
            own(descriptor);
    }
    void add_pipe() {
        int ends[2];
        require(pipe2(ends, O_CLOEXEC) == 0, "a pipe");
        own(ends[0]);
        own(ends[1]);
    }
    /// As device_sender.cpp opens one: what the target has, or another packet, only without its lock.
    void add_disk(const std::string& path) {
        try {
            devices_.push_back(aoetarget::open_file(path));
        } catch (const std::system_error&) {
            devices_.push_back(aoetarget::open_unclaimed(path));
        }
        const aoetarget::DeviceParts parts = take_apart(*devices_.back());
        descriptors_.insert(descriptors_.end(), parts.descriptors.begin(), parts.descriptors.end());
        json facts = json::array();
        for (std::string_view left = parts.facts; !left.empty(); left.remove_prefix(left.find('\0') + 1))
            facts.push_back(cli::path_text(std::string(left.substr(0, left.find('\0')))));
        facts_ = facts.dump();
    }

    std::vector<Descriptor> owned_;
    std::vector<std::unique_ptr<aoetarget::FileDevice>> devices_;
    std::vector<int> descriptors_;
    std::string facts_ = "[]";
};

/// The text of a packet, with what its signs stand for.
std::string expanded(std::string_view text, const std::string& facts) {
    std::string all;
    for (const char letter : text) {
        if (letter == '@')
            all += facts;
        else if (letter == '~')
            all.append(long_text_bytes, 'x');
        else
            all += letter;
    }
    return all;
}

class Scene {
  public:
    explicit Scene(const Place& place) : place_(place) {}

    /// Returns false when the target has ended.
    bool carry_out(std::string_view line) {
        const std::size_t space = std::min(line.find(' '), line.size());
        const std::string_view letters = line.substr(0, space);
        const std::string_view text = line.substr(std::min(space + 1, line.size()));
        if (letters.empty() || text.empty())
            return true;
        Attached attached;
        for (const char letter : letters.substr(1))
            attached.add(letter, place_);
        Peer& peer = peers_[static_cast<unsigned char>(letters[0]) % connection_count];
        send(peer, expanded(text, attached.facts()), attached.descriptors());
        if (letters.find('x') != std::string_view::npos)
            end(peer);
        return letters.find('w') != std::string_view::npos || settle();
    }

    /// Waits for all answers. Returns false when the target has ended.
    bool settle() {
        const auto end = Clock::now() + std::chrono::seconds(15);
        while (std::ranges::any_of(peers_, [](const Peer& peer) { return peer.waits > 0; })) {
            if (!targets_[0].poll())
                return false;
            for (Peer& peer : peers_)
                receive(peer);
            require(Clock::now() < end, "every request has an answer");
        }
        if (all_is_told_)
            check_configuration();
        before_ = configuration_.now();
        is_refused_ = true;
        return true;
    }

    const cli::Amount& close_all() {
        peers_ = {};
        server_.reset();
        return budget_->held;
    }

  private:
    struct Peer {
        Descriptor socket;
        std::size_t waits = 0; ///< For answers.
    };

    void send(Peer& peer, const std::string& text, const std::vector<int>& descriptors) {
        if (!peer.socket.is_open()) {
            peer.socket = cli::connect_to_target(place_.socket());
            fcntl(peer.socket.number(), F_SETFL, O_NONBLOCK);
        }
        if (cli::send_packet(peer.socket.number(), text, descriptors))
            ++peer.waits;
    }

    void receive(Peer& peer) {
        while (peer.socket.is_open()) {
            cli::Packet packet{std::string(cli::max_control_bytes, '\0'), {}};
            const cli::Received received = cli::receive_packet(peer.socket.number(), packet);
            if (received == cli::Received::nothing)
                return;
            if (received == cli::Received::end)
                return end(peer);
            require(received == cli::Received::packet && packet.descriptors.empty(), "an answer fits");
            check_answer(json::parse(packet.text, nullptr, false));
            if (peer.waits == 0) { // it may learn why it is dropped
                char rest = 0;
                require(recv(peer.socket.number(), &rest, 1, 0) <= 0 && errno != EAGAIN,
                        "an answer has a request");
                return end(peer);
            }
            --peer.waits;
        }
    }

    /// What it has asked for may still be done, at any time, or be under way.
    void end(Peer& peer) {
        all_is_told_ &= peer.waits == 0;
        peer = Peer();
    }

    void check_answer(const json& answer) {
        require(answer.is_object() && answer.value("ok", json()).is_boolean(), "an answer is an object");
        if (answer.at("ok") == true) {
            is_refused_ = false;
            return;
        }
        const std::string error = answer.at("error");
        require(answer.at("code").is_number() && !error.empty(), "a refusal says why");
        if (error.ends_with("all else has changed"))
            is_refused_ = false;
    }

    void check_configuration() {
        require(!is_refused_ || configuration_.now() == before_, "what is refused changes nothing");
        const std::vector<aoetarget::ExportStats> served = targets_[0].stats().exports;
        const bool is_same =
            std::ranges::equal(served, configuration_.now().exports, {}, &aoetarget::ExportStats::address,
                               [](const cli::ExportSpec& spec) { return spec.options.address; });
        require(is_same, "the target serves what its configuration says");
    }

    const Place& place_;
    cli::ControlSocket socket_{place_.socket()};
    cli::TargetThreads targets_{{}, 1};
    cli::RunningConfiguration configuration_{targets_, {}, [](const aoetarget::Address&) {}};
    std::shared_ptr<cli::Budget> budget_ = std::make_shared<cli::Budget>(cli::Budget{
        {.of_one = {.bytes = 400'000, .descriptors = 5}, .of_all = {.bytes = 600'000, .descriptors = 7}}});
    cli::RunningTarget running_{targets_, configuration_, "fuzz", {},    "/srv/target.toml",
                                {"-e"},   "/srv",         [] {},  [] {}, [this] { targets_.stop(); },
                                budget_};
    std::optional<cli::ControlServer> server_{
        std::in_place, targets_[0], socket_,
        [this] { return std::make_unique<cli::TargetSession>(running_); },
        // no rest, however slow this build is
        cli::ControlServer::Limits{.connections = connection_count - 1, .at_once = std::chrono::hours(1)}};
    std::array<Peer, connection_count> peers_;
    cli::Configuration before_; ///< When nobody waited for an answer.
    bool is_refused_ = true;    ///< All since then.
    bool all_is_told_ = true;   ///< No answer is lost.
};

void play(std::string_view text, const Place& place) {
    Scene scene(place);
    bool is_alive = true;
    while (is_alive && !text.empty()) {
        const std::size_t end = std::min(text.find('\n'), text.size());
        is_alive = scene.carry_out(text.substr(0, end));
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    if (is_alive)
        scene.settle();
    const cli::Amount& held = scene.close_all();
    require(held.bytes == 0 && held.descriptors == 0, "connections leave nothing behind");
}

} // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const Place place;
    const std::size_t before = aoetest::open_files();
    play({reinterpret_cast<const char*>(data), size}, place);
    require(aoetest::open_files() == before, "every descriptor is closed");
    return 0;
}
