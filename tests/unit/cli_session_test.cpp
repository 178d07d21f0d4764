// What a target does when a connection of its control socket asks, and what it keeps between two requests.
#include "config/path_text.hpp"
#include "control/budget.hpp"
#include "exit_code.hpp"
#include "failure.hpp"
#include "service/target_session.hpp"
#include "support/backing.hpp"
#include "support/catch.hpp"
#include "support/patience.hpp"

#include <aoetarget/hand_over.hpp>

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <fcntl.h>

using namespace cli;
using aoetest::ImageFile;
using nlohmann::json;

namespace {

/// Devices as `open` has them.
struct Parcel {
    Parcel(const std::string& address, const ImageFile& file) {
        const auto device = aoetarget::open_file(file.path());
        const aoetarget::DeviceParts parts = take_apart(*device);
        for (const int descriptor : parts.descriptors)
            descriptors.emplace_back(fcntl(descriptor, F_DUPFD_CLOEXEC, 0));
        json facts = json::array();
        std::size_t end = 0;
        for (std::size_t at = 0; (end = parts.facts.find('\0', at)) != std::string::npos; at = end + 1)
            facts.push_back(path_text(parts.facts.substr(at, end - at)));
        devices.push_back(
            {{"export", address}, {"facts", std::move(facts)}, {"files", parts.descriptors.size()}});
    }

    json devices = json::array();
    std::vector<Descriptor> descriptors;
};

/// A service without a socket: its turns are made here.
class Served {
  public:
    explicit Served(const BudgetLimits& limits = {}) : budget_(std::make_shared<Budget>(Budget{limits})) {}

    [[nodiscard]] std::unique_ptr<TargetSession> connect() const {
        return std::make_unique<TargetSession>(running_);
    }
    /// Returns the answer, or the text of a failure in "error".
    json ask(TargetSession& session, const json& request, std::vector<Descriptor> descriptors = {}) {
        std::optional<json> answer;
        try {
            session.handle(request, std::move(descriptors), [&](const json& reply) { answer = reply; });
        } catch (const Failure& failure) {
            return {{"ok", false}, {"code", failure.exit_code()}, {"error", failure.what()}};
        } catch (const std::exception& error) {
            return {{"ok", false}, {"code", exit_failed}, {"error", error.what()}};
        }
        while (!answer) {
            targets_[0].poll();
            std::this_thread::yield();
        }
        return *answer;
    }
    json open(TargetSession& session, Parcel parcel) {
        return ask(session, {{"do", "open"}, {"devices", std::move(parcel.devices)}},
                   std::move(parcel.descriptors));
    }
    json add(TargetSession& session, const std::string& address, const ImageFile& file) {
        return ask(session, {{"do", "add"}, {"export", {{"address", address}, {"path", file.path()}}}});
    }
    [[nodiscard]] const Amount& held() const { return budget_->held; }
    aoetarget::Target& target() { return targets_[0]; }
    [[nodiscard]] const Configuration& configuration() const { return configuration_.now(); }

  private:
    aoetest::Patience patience_;
    TargetThreads targets_{{}, 1};
    RunningConfiguration configuration_{targets_, {}, [](const aoetarget::Address&) {}};
    std::shared_ptr<Budget> budget_;
    RunningTarget running_{targets_, configuration_, "test", {}, {}, {}, {}, [] {}, [] {}, [] {}, budget_};
};

json part_with(std::size_t bytes) {
    return {
        {"do", "reload"}, {"more", true}, {"configuration", {{"target", {{"x", std::string(bytes, 'x')}}}}}};
}

std::string error_of(const json& answer) {
    CHECK(answer.value("ok", true) == false);
    CHECK(answer.value("code", 0) == exit_failed);
    return answer.value("error", "");
}

bool is_ok(const json& answer) {
    CAPTURE(answer.dump());
    return answer.value("ok", false);
}

bool contains(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

} // namespace

TEST_CASE("parts of a configuration are kept up to a limit, and let go with the connection", "[session]") {
    Served served({.of_one = {.bytes = 1000}, .of_all = {.bytes = 1500}});
    auto one = served.connect(), other = served.connect();
    CHECK(is_ok(served.ask(*one, part_with(400))));
    CHECK(is_ok(served.ask(*one, part_with(400))));
    CHECK(is_ok(served.ask(*other, part_with(500))));
    const std::string for_all = error_of(served.ask(*other, part_with(400)));
    CHECK(contains(for_all, "for all programs"));
    CHECK(contains(for_all, "at most 1500"));
    CHECK(contains(for_all, "try again"));
    CHECK(is_ok(served.ask(*other, part_with(500)))); // what was refused took the rest along
    const std::string for_one = error_of(served.ask(*one, part_with(300)));
    CHECK(contains(for_one, "for this connection"));
    CHECK(contains(for_one, "at most 1000"));
    CHECK(contains(for_one, "smaller steps"));
    CHECK(is_ok(served.ask(*one, part_with(800))));
    CHECK(served.held().bytes > 1300);
    one.reset();
    CHECK(is_ok(served.ask(*other, part_with(400))));
    other.reset();
    CHECK(served.held().bytes == 0);
}

TEST_CASE("a configuration in parts leaves nothing behind when it is whole, or wrong", "[session]") {
    Served served;
    const auto session = served.connect();
    const json last = {{"do", "reload"}, {"configuration", json::object()}};
    CHECK(is_ok(served.ask(*session, {{"do", "reload"}, {"more", true}, {"configuration", json::object()}})));
    CHECK(served.held().bytes > 0);
    CHECK(is_ok(served.ask(*session, last)));
    CHECK(served.held().bytes == 0);
    CHECK(is_ok(served.ask(*session, part_with(10))));
    CHECK(served.ask(*session, last).value("code", 0) == exit_configuration);
    CHECK(served.held().bytes == 0);
}

TEST_CASE("devices that wait for a change are kept up to a limit, and let go with the connection",
          "[session]") {
    const ImageFile first(8), second(8), third(8);
    Served served(
        {.of_one = {.bytes = 10000, .descriptors = 4}, .of_all = {.bytes = 10000, .descriptors = 6}});
    auto one = served.connect(), other = served.connect();
    CHECK(is_ok(served.open(*one, {"1.1", first})));
    CHECK(is_ok(served.open(*one, {"1.2", second})));
    CHECK(served.held().descriptors == 4);
    CHECK(served.held().bytes > 0);
    const std::string for_one = error_of(served.open(*one, {"1.3", third}));
    CHECK(contains(for_one, "6 open files"));
    CHECK(contains(for_one, "at most 4"));
    CHECK(contains(for_one, "LimitNOFILE"));
    CHECK(is_ok(served.open(*other, {"1.3", third})));
    CHECK(is_ok(served.add(*one, "1.1", first))); // closes the second
    CHECK(served.held().descriptors == 2);
    other.reset();
    CHECK(served.held().descriptors == 0);
    CHECK(served.held().bytes == 0);
    CHECK(served.configuration().exports.size() == 1);
}

TEST_CASE("of two devices for one export the later counts", "[session]") {
    const ImageFile first(8), second(8);
    Served served;
    const auto session = served.connect();
    CHECK(is_ok(served.open(*session, {"1.1", first})));
    CHECK(is_ok(served.open(*session, {"1.1", second})));
    CHECK(served.held().descriptors == 2);
}

TEST_CASE("a packet with a wrong device is refused as a whole, and earlier ones count", "[session]") {
    const ImageFile first(8), second(8);
    Served served;
    const auto session = served.connect();
    CHECK(is_ok(served.open(*session, {"1.1", first})));
    Parcel parcel("1.2", second);
    parcel.devices.push_back({{"export", "1.3"}, {"facts", {"nonsense"}}, {"files", 0}});
    CHECK_FALSE(served.open(*session, std::move(parcel)).value("ok", true));
    CHECK(served.held().descriptors == 2);
    CHECK_FALSE(served.add(*session, "1.2", second).value("ok", true));
    CHECK(served.configuration().exports.empty());
}

TEST_CASE("an answer tells what fits of what failed", "[session]") {
    constexpr std::size_t many = 2000;
    Served served;
    const auto session = served.connect();
    json exports = json::array();
    for (std::size_t i = 0; i < many; ++i)
        exports.push_back({{"address", std::to_string(1 + i / 250) + "." + std::to_string(i % 250)},
                           {"path", "/nonexistent/" + std::string(100, 'x') + std::to_string(i)}});
    const json answer = served.ask(
        *session, {{"do", "reload"}, {"partial", true}, {"configuration", {{"export", std::move(exports)}}}});
    CHECK(is_ok(answer));
    CHECK(answer.dump().size() < max_control_bytes);
    const json& failed = answer.at("failed");
    CHECK(failed.front().at("entry") == "export e1.0");
    CHECK(failed.front().at("code") == exit_failed);
    CHECK(failed.back().at("entry") == "others");
    CHECK(contains(failed.back().at("error"), std::to_string(many - failed.size() + 1) + " more entries"));
}

TEST_CASE("figures of one look are of the same moment, and each look from the start is a new one",
          "[session]") {
    const ImageFile image(8);
    Served served;
    const auto session = served.connect();
    const auto exports_in = [&](const std::string& what, const char* key) {
        return served.ask(*session, {{"do", what}}).at(key).size();
    };
    CHECK(exports_in("status", "exports") == 0);
    CHECK(is_ok(served.open(*session, {"1.1", image})));
    CHECK(is_ok(served.add(*session, "1.1", image)));
    CHECK(exports_in("stats", "latencies") == 0); // with the status
    CHECK(exports_in("initiators", "initiators") == 0);
    CHECK(exports_in("stats", "latencies") == 1); // alone
    CHECK(is_ok(served.ask(*session, {{"do", "remove"}, {"export", "1.1"}})));
    CHECK(served.ask(*session, {{"do", "stats"}, {"after", "1.0"}}).at("latencies").size() == 1);
    CHECK(exports_in("stats", "latencies") == 0);
    CHECK(exports_in("status", "exports") == 0);
}

TEST_CASE("connections get a part of the open files that a process may have", "[session]") {
    CHECK(limits_within(1000).of_one.descriptors == 500);
    CHECK(limits_within(1000).of_all.descriptors == 750);
    CHECK(limits_within(1000000).of_one.descriptors == 16384);
    CHECK(limits_within(1000000).of_all.descriptors == 24576);
}
