// The control socket: who may connect, what a peer can do, and what it cannot.
#include "check/process.hpp"
#include "control/client.hpp"
#include "control/packet.hpp"
#include "control/server.hpp"
#include "exit_code.hpp"
#include "failure.hpp"
#include "support/backing.hpp"
#include "support/catch.hpp"
#include "support/open_files.hpp"
#include "support/patience.hpp"
#include "usage_error.hpp"

#include <nlohmann/json.hpp>

#include <atomic>
#include <chrono>
#include <ctime>
#include <filesystem>
#include <future>
#include <optional>
#include <system_error>
#include <thread>

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace cli;
using aoetest::open_files;
using aoetest::Patience;
using nlohmann::json;
using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

namespace {

/// The socket lies in a folder that has to be made.
std::string socket_in(const aoetest::ScratchFolder& folder) {
    return folder.path() + "/made/test.sock";
}

/// Answers "echo", "big" (a packet as long as may be), "take" (which needs "what"), "fail", and, when it is
/// told to, "later".
struct Session final : ControlSession {
    explicit Session(std::vector<Answer>& later) : waiting(later) {}
    void handle(const json& request, std::vector<Descriptor> descriptors, Answer answer) override {
        const std::string verb = request.at("do");
        if (verb == "echo")
            answer({{"ok", true}, {"text", request.value("text", "")}, {"descriptors", descriptors.size()}});
        else if (verb == "big")
            answer({{"ok", true}, {"text", std::string(max_control_bytes - 100, 'x')}});
        else if (verb == "take")
            answer({{"ok", true}, {"taken", request.at("what")}});
        else if (verb == "busy")
            spend(milliseconds(2), answer);
        else if (verb == "later")
            waiting.push_back(std::move(answer));
        else
            throw Failure(exit_not_found, "there is no such export");
    }
    static void spend(milliseconds time, const Answer& answer) {
        const std::clock_t end =
            std::clock() + static_cast<std::clock_t>(time.count() * CLOCKS_PER_SEC / 1000);
        while (std::clock() < end) // processor time: of this thread, for the other waits
            continue;
        answer({{"ok", true}});
    }
    std::vector<Answer>& waiting;
};

/// A target with nothing but a control socket, on a thread of its own.
class Served {
  public:
    explicit Served(const ControlServer::Limits& limits = {}) : socket_(socket_in(place_)) {
        server_.emplace(
            target_, socket_, [this] { return std::make_unique<Session>(later_); }, limits);
        thread_ = std::thread([this] {
            target_.run();
            server_.reset();
        });
    }
    ~Served() {
        target_.stop();
        thread_.join();
    }
    Served(const Served&) = delete;
    Served& operator=(const Served&) = delete;

    [[nodiscard]] std::string path() const { return socket_.path(); }
    template <typename Work>
    auto on_its_thread(Work work) {
        std::promise<decltype(work())> result;
        target_.post([&] { result.set_value(work()); });
        return result.get_future().get();
    }
    ControlServer::Counters counters() {
        return on_its_thread([this] { return server_->counters(); });
    }
    /// Answers what waits, on the target's thread. Returns how much that was.
    std::size_t answer_waiting() {
        return on_its_thread([this] {
            const std::size_t count = later_.size();
            for (const auto& answer : later_)
                answer({{"ok", true}});
            later_.clear();
            return count;
        });
    }

  private:
    Patience patience_;
    aoetest::ScratchFolder place_;
    ControlSocket socket_;
    aoetarget::Target target_;
    std::vector<ControlSession::Answer> later_;
    std::optional<ControlServer> server_;
    std::thread thread_;
};

template <typename Condition>
bool soon(Condition condition) {
    const auto end = Clock::now() + std::chrono::seconds(60);
    while (!condition()) {
        if (Clock::now() > end)
            return false;
        std::this_thread::sleep_for(milliseconds(2));
    }
    return true;
}

/// Receives the next answer of a connection. An empty object tells that the other side has closed it.
json next_answer(const Descriptor& connection) {
    Packet packet{std::string(max_control_bytes, '\0'), {}};
    return receive_packet(connection.number(), packet) == Received::packet ? json::parse(packet.text)
                                                                           : json::object();
}

/// Returns the failure of a request.
std::pair<int, std::string> failure_of(ControlClient& client, json request) {
    try {
        client.ask(std::move(request));
    } catch (const Failure& failure) {
        return {failure.exit_code(), failure.what()};
    }
    return {0, ""};
}

/// Asks as another user.
int exit_code_of_other_user(const std::string& path) {
    const pid_t child = fork();
    if (child == 0) {
        int code = setuid(65534) == 0 ? 0 : 9;
        try {
            ControlClient(path).ask({{"do", "echo"}});
        } catch (const Failure& failure) {
            code = failure.exit_code();
        } catch (...) {
            code = 8;
        }
        _exit(code);
    }
    int status = 0;
    REQUIRE(waitpid(child, &status, 0) == child);
    return WEXITSTATUS(status);
}

} // namespace

TEST_CASE("a request is answered with what the session says, and descriptors ride along", "[control]") {
    Served served;
    ControlClient client(served.path());
    const std::vector<int> descriptors{0, 1, 2};
    const json answer = client.ask({{"do", "echo"}, {"text", "\xC3\xA4"}}, descriptors);
    CHECK(answer.at("text") == "\xC3\xA4");
    CHECK(answer.at("descriptors") == 3);
    const auto [code, text] = failure_of(client, {{"do", "swim"}});
    CHECK(code == exit_not_found);
    CHECK(text == "there is no such export");
    CHECK(client.ask({{"do", "echo"}}).at("ok") == true);
    CHECK(served.counters().requests == 2);
    CHECK(served.counters().refused == 1);
}

TEST_CASE("what is not a request is refused with the reason, and the connection goes on", "[control]") {
    Served served;
    const Descriptor peer = connect_to_target(served.path());
    const std::string many(max_control_bytes, '[');
    const std::pair<std::string, std::string> faults[] = {
        {"{", "not a JSON object"},
        {"[1]", "not a JSON object"},
        {"\xFF\xFE", "not a JSON object"},
        {R"({"version":1,"do":"echo"} {)", "not a JSON object"},
        {many, "not a JSON object"},
        {many + "[", "longer than 262144 bytes"},
        {R"({"do":"echo"})", "version"},
        {R"({"version":2,"do":"echo"})", "it must be 1"},
        {R"({"version":"1","do":"echo"})", "it must be 1"},
        {R"({"version":1})", "what to do"},
        {R"({"version":1,"do":7})", "what to do"},
        {"{\"version\":1,\"do\":\"echo\",\"text\":7}", "or has a wrong value: type must be string"},
        {R"({"version":1,"do":"take"})",
         "the request lacks a key, or has a wrong value: key 'what' not found"},
    };
    for (const auto& [packet, reason] : faults) {
        CAPTURE(packet.substr(0, 40));
        REQUIRE(send_packet(peer.number(), packet));
        const json answer = next_answer(peer);
        CHECK(answer.value("ok", true) == false);
        CHECK(answer.value("code", 0) == exit_failed);
        CHECK(answer.value("error", "").find(reason) != std::string::npos);
    }
    REQUIRE(send_packet(peer.number(), R"({"version":1,"do":"echo"})"));
    CHECK(next_answer(peer).value("ok", false));
}

TEST_CASE("descriptors that nobody takes are closed", "[control]") {
    Served served;
    const Descriptor peer = connect_to_target(served.path());
    REQUIRE(send_packet(peer.number(), R"({"version":1,"do":"echo"})"));
    next_answer(peer);
    const std::size_t files = open_files();
    const std::vector<int> descriptors(max_packet_descriptors, 0);
    for (int i = 0; i < 4; ++i) {
        REQUIRE(send_packet(peer.number(), "half of a pack", descriptors));
        CHECK(next_answer(peer).value("ok", true) == false);
    }
    CHECK(open_files() == files);
    const std::vector<int> too_many(max_packet_descriptors + 1, 0);
    CHECK_FALSE(send_packet(peer.number(), "{}", too_many));
}

TEST_CASE("a peer that does not take its answer is dropped, and others are served meanwhile", "[control]") {
    Served served({.patience = milliseconds(300)});
    const Descriptor stalled = connect_to_target(served.path());
    const std::string request = R"({"version":1,"do":"big"})";
    fcntl(stalled.number(), F_SETFL, O_NONBLOCK);
    const bool is_dropped = soon([&] {
        while (send_packet(stalled.number(), request))
            continue;
        const bool has_gone = errno == EPIPE || errno == ECONNRESET;
        ControlClient(served.path()).ask({{"do", "echo"}});
        return has_gone;
    });
    CHECK(is_dropped);
    CHECK(served.counters().dropped == 1);
}

TEST_CASE("a peer that takes its answers late gets all of them", "[control]") {
    Served served;
    const Descriptor peer = connect_to_target(served.path());
    const std::string request = R"({"version":1,"do":"big"})";
    for (int i = 0; i < 8; ++i)
        REQUIRE(send_packet(peer.number(), request));
    for (int i = 0; i < 8; ++i)
        CHECK(next_answer(peer).at("text").get<std::string>().size() == max_control_bytes - 100);
    CHECK(served.counters().dropped == 0);
}

TEST_CASE("requests get a small part of the thread's time once they have used much of it", "[control]") {
    Served served({.at_once = milliseconds(20)});
    ControlClient client(served.path());
    const auto began = Clock::now();
    for (int i = 0; i < 11; ++i) // of two milliseconds each
        client.ask({{"do", "busy"}});
    client.ask({{"do", "echo"}});
    CHECK(Clock::now() - began > milliseconds(350)); // the last two milliseconds cost 200 times as much
    ControlClient(served.path()).ask({{"do", "echo"}});
}

TEST_CASE("an answer that comes when its connection is gone is dropped", "[control]") {
    Served served;
    {
        const Descriptor peer = connect_to_target(served.path());
        REQUIRE(send_packet(peer.number(), R"({"version":1,"do":"later"})"));
        ControlClient(served.path()).ask({{"do", "echo"}});
    }
    CHECK(soon([&] { return served.answer_waiting() == 1; }));
    ControlClient client(served.path());
    CHECK(client.ask({{"do", "echo"}}).at("ok") == true);
}

TEST_CASE("a connection beyond the limit takes the place of the one that was idle for the longest",
          "[control]") {
    Served served({.connections = 3});
    ControlClient first(served.path());
    first.ask({{"do", "echo"}});
    const Descriptor waiting = connect_to_target(served.path()); // for its answer
    REQUIRE(send_packet(waiting.number(), R"({"version":1,"do":"later"})"));
    ControlClient second(served.path());
    second.ask({{"do", "echo"}});
    first.ask({{"do", "echo"}}); // so the second has been idle for longer
    ControlClient third(served.path());
    CHECK(third.ask({{"do", "echo"}}).at("ok") == true);
    CHECK(served.counters().dropped == 1);
    CHECK(first.ask({{"do", "echo"}}).at("ok") == true);
    const auto [code, text] = failure_of(second, {{"do", "echo"}});
    CHECK(code == exit_failed);
    CHECK(text.find("idle for the longest; connect again") != std::string::npos);
    CHECK(served.answer_waiting() == 1);
    CHECK(next_answer(waiting).value("ok", false));
}

TEST_CASE("a connection beyond the limit is refused while all others wait for an answer", "[control]") {
    Served served({.connections = 2});
    const Descriptor one = connect_to_target(served.path()), other = connect_to_target(served.path());
    for (const Descriptor* peer : {&one, &other})
        REQUIRE(send_packet(peer->number(), R"({"version":1,"do":"later"})"));
    const auto refused = [&] {
        ControlClient third(served.path());
        return failure_of(third, {{"do", "echo"}});
    };
    CHECK(soon([&] { return refused().first == exit_failed; }));
    CHECK(refused().second.find("2 programs are connected") != std::string::npos);
    CHECK(soon([&] { return served.answer_waiting() > 0; }));
    CHECK(soon([&] { return refused().first == 0; }));
}

TEST_CASE("a client with little patience does not wait for a target that does not answer", "[control]") {
    const aoetest::Patience patience;
    const aoetest::ScratchFolder place;
    const ControlSocket nobody_accepts(socket_in(place));
    const auto ask_once = [&] {
        try {
            ControlClient client(nobody_accepts.path(), {}, milliseconds(20));
            return failure_of(client, {{"do", "echo"}});
        } catch (const Failure& failure) { // to connect took too long
            return std::pair(failure.exit_code(), std::string(failure.what()));
        }
    };
    CHECK(ask_once().first == exit_failed);
    std::vector<Descriptor> queue;
    for (int i = 0; i < 16; ++i) // until no further connection fits
        queue.push_back(connect_to_target(nobody_accepts.path()));
    CHECK(ask_once().second.find("does not answer in time") != std::string::npos);
    const ControlFacts facts = look_at_control(nobody_accepts.path(), true, milliseconds(20));
    CHECK(facts.is_taken);
    CHECK(facts.problem.find("does not answer in time") != std::string::npos);
}

TEST_CASE("what is no socket is an obstacle to one", "[control]") {
    const aoetest::ScratchFolder place;
    const std::string file = place.write("precious", "precious");
    for (const std::string& path : {file, place.path()}) {
        CAPTURE(path);
        CHECK(look_at_control(path, true).problem.find(path + ": this is no socket") == 0);
        CHECK_THROWS_AS(ControlSocket(path), std::system_error);
    }
    CHECK(look_at_control(place.path() + "/new", true).problem.empty());
}

TEST_CASE("another user is refused", "[control]") {
    if (geteuid() != 0)
        SKIP_BECAUSE("only root can become another user");
    Served served;
    CHECK(exit_code_of_other_user(served.path()) == exit_no_permission); // the mode of the socket
    for (std::filesystem::path path = served.path(); path != std::filesystem::temp_directory_path();
         path = path.parent_path())
        std::filesystem::permissions(path, std::filesystem::perms::all);
    CHECK(exit_code_of_other_user(served.path()) == exit_no_permission); // the target's own look
    CHECK(served.counters().refused == 1);
}

TEST_CASE("a control socket takes the place of one whose target is gone, and of no other", "[control]") {
    const aoetest::ScratchFolder place;
    {
        const ControlSocket socket(socket_in(place));
        try {
            const ControlSocket second(socket_in(place));
            FAIL("two have one path");
        } catch (const std::system_error& error) {
            CHECK(error.code() == std::errc::address_in_use);
            CHECK(std::string(error.what()).find("--name") != std::string::npos);
        }
    }
    CHECK_FALSE(std::filesystem::exists(socket_in(place)));
    try {
        connect_to_target(socket_in(place));
        FAIL("nobody listens");
    } catch (const Failure& failure) {
        CHECK(failure.exit_code() == exit_not_found);
    }
    const pid_t child = fork();
    if (child == 0) {
        const ControlSocket socket(socket_in(place));
        _exit(0); // without its destructor
    }
    int status = 0;
    REQUIRE(waitpid(child, &status, 0) == child);
    REQUIRE(std::filesystem::exists(socket_in(place)));
    try {
        connect_to_target(socket_in(place));
        FAIL("nobody listens any more");
    } catch (const Failure& failure) {
        CHECK(failure.exit_code() == exit_not_found);
    }
    const ControlSocket again(socket_in(place));
    CHECK(connect_to_target(socket_in(place)).is_open());
}

TEST_CASE("whoever asks for a target that does not run learns which others do", "[control]") {
    const aoetest::ScratchFolder place;
    const auto message_for = [&](const std::string& name) {
        try {
            connect_to_target(place.path() + "/" + name + ".sock");
        } catch (const Failure& failure) {
            CHECK(failure.exit_code() == exit_not_found);
            return std::string(failure.what());
        }
        return std::string();
    };
    place.write("text.sock", "no socket");
    CHECK(message_for("absent").ends_with("with --name or --control"));
    CHECK(message_for("no/folder").ends_with("with --name or --control"));
    const ControlSocket lab(place.path() + "/lab.sock"), yard(place.path() + "/a yard.sock");
    CHECK(message_for("absent").ends_with("; targets of other names run: a yard (--control '" + place.path() +
                                          "/a yard.sock'), lab (--control " + place.path() + "/lab.sock)"));
    setenv("RUNTIME_DIRECTORY", place.path().c_str(), 1);
    CHECK(message_for("absent").ends_with(", lab (--name lab)"));
    unsetenv("RUNTIME_DIRECTORY");
}

TEST_CASE("the path of the control socket follows the name and systemd's folder", "[control]") {
    unsetenv("RUNTIME_DIRECTORY");
    CHECK(control_path("default") == "/run/aoetarget/default.sock");
    setenv("RUNTIME_DIRECTORY", "/run/one:/run/two", 1);
    CHECK(control_path("lab-1") == "/run/one/lab-1.sock");
    unsetenv("RUNTIME_DIRECTORY");
    for (const char* name : {"", ".", "..", "../x", "a/b", "a b", "a\n"}) {
        CAPTURE(name);
        CHECK_THROWS_AS(control_path(name), UsageError);
    }
    CHECK_THROWS_AS(ControlSocket("/tmp/" + std::string(120, 'x')), UsageError);
}
