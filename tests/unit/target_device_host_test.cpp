// What a target does for its devices: descriptors, time, the end of a turn, and the end of an export.
#include "support/catch.hpp"
#include "target_fixture.hpp"

#include <array>
#include <optional>
#include <system_error>

#include <poll.h>
#include <sys/socket.h>

using namespace aoetest;
using namespace std::chrono_literals;
using aoetarget::BlockDevice;
using aoetarget::DeviceHost;
using aoetarget::Geometry;
using aoetarget::Io;
using aoetarget::Target;

namespace {

/// A volume whose data are beyond a socket: what is submitted goes there, one byte each, and the operation
/// ends when the byte comes back.
class RemoteVolume : public BlockDevice {
  public:
    struct Log {
        DeviceHost* host = nullptr;
        BlockDevice* device = nullptr;
        unsigned submitted = 0, batches = 0, destroyed = 0;
        std::vector<Io*> waiting = {};
    };
    explicit RemoteVolume(Log& log, std::uint64_t sectors = 64) : log_(log), sectors_(sectors) {
        REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends_.data()) == 0);
        log.device = this;
    }
    ~RemoteVolume() override {
        if (host_ != nullptr) {
            host_->unwatch(ends_[0]);
            host_->cancel_call(call_);
        }
        close(ends_[0]);
        close(ends_[1]);
        ++log_.destroyed;
    }

    [[nodiscard]] Geometry geometry() const override { return {.sectors = sectors_}; }
    void set_host(DeviceHost& host) override {
        host_ = log_.host = &host;
        host.watch(ends_[0], POLLIN, [this](short) { answered(); });
    }
    std::uint64_t refresh_sectors() override { return sectors_ = 2 * sectors_; }
    void submit(Io& io) override {
        ++log_.submitted;
        if (unsent_++ == 0)
            call_ = host_->call_at_turn_end([this] {
                ++log_.batches;
                const std::string bytes(std::exchange(unsent_, 0), '.');
                REQUIRE(write(ends_[1], bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()));
            });
        log_.waiting.push_back(&io);
    }

  private:
    /// Takes one at a time, so that a watch that tells of something new only would leave the rest.
    void answered() {
        char byte = 0;
        REQUIRE(read(ends_[0], &byte, 1) == 1);
        Io* io = log_.waiting.front();
        log_.waiting.erase(log_.waiting.begin());
        io->complete();
    }

    Log& log_;
    std::uint64_t sectors_;
    std::array<int, 2> ends_{};
    DeviceHost* host_ = nullptr;
    std::size_t unsent_ = 0;
    aoetarget::CallId call_ = 0;
};

/// Ends nothing until it is told to.
class StuckVolume final : public BlockDevice {
  public:
    struct Log {
        Io* held = nullptr;
        bool is_destroyed = false;
    };
    explicit StuckVolume(Log& log) : log_(log) {}
    ~StuckVolume() override { log_.is_destroyed = true; }
    [[nodiscard]] Geometry geometry() const override { return {.sectors = 64}; }
    void submit(Io& io) override { log_.held = &io; }

  private:
    Log& log_;
};

struct Events {
    aoetarget::TargetOptions options() {
        aoetarget::TargetOptions options;
        options.on_event = [this](const aoetarget::Event& event) { texts += event.text + "\n"; };
        return options;
    }
    std::string texts;
};

} // namespace

TEST_CASE("a device serves through a socket that the target watches for it", "[target][device-host]") {
    const Patience patience;
    const VethPair& wire = standard_wire();
    RawClient client(wire);
    RemoteVolume::Log log;
    {
        Target target;
        target.add_interface(wire.target_end());
        target.add_export(at(1, 1), std::make_unique<RemoteVolume>(log));
        for (unsigned i = 0; i < 8; ++i)
            client.send(read_request(i * 8, 1).tagged(100 + i));
        turn_until(target, [&] { return log.submitted == 8 && log.waiting.empty(); });
        CHECK(log.batches <= log.submitted);
        for (unsigned i = 0; i < 8; ++i) {
            const auto reply = client.wait_for(100 + i);
            REQUIRE(reply);
            CHECK(reply->succeeded());
        }
    }
    CHECK(log.destroyed == 1);
}

TEST_CASE("a device's watch and its calls last until it has ended all operations", "[target][device-host]") {
    const Patience patience;
    const VethPair& wire = standard_wire();
    RawClient client(wire);
    RemoteVolume::Log log;
    const bool stops_before = GENERATE(false, true);
    {
        Target target;
        target.add_interface(wire.target_end());
        target.add_export(at(1, 1), std::make_unique<RemoteVolume>(log));
        target.poll();
        client.send(read_request(0, 1));
        turn_until(target, [&] { return log.submitted == 1; });
        if (stops_before) {
            target.stop();
            turn_until(target, [&] { return !target.poll(); });
        }
    } // a target that calls nothing any more would wait here for ever
    CHECK(log.waiting.empty());
    CHECK(log.destroyed == 1);
}

TEST_CASE("a device's call comes after its time, once, and not if it is taken back",
          "[target][device-host]") {
    const Patience patience;
    RemoteVolume::Log log;
    Target target;
    target.add_export(at(1, 1), std::make_unique<RemoteVolume>(log));
    unsigned late = 0, never = 0, posted = 0;
    const auto begin = std::chrono::steady_clock::now();
    log.host->call_after(30ms, [&] { ++late; });
    const aoetarget::CallId id = log.host->call_after(10ms, [&] { ++never; });
    CHECK(log.host->cancel_call(id));
    CHECK_FALSE(log.host->cancel_call(id));
    std::thread([&] { log.host->post([&] { ++posted; }); }).join();
    turn_until(target, [&] { return late == 1; });
    CHECK(std::chrono::steady_clock::now() - begin >= 30ms);
    CHECK(posted == 1);
    CHECK(never == 0);
    CHECK_THROWS_AS(log.host->watch(0, POLLIN, {}), std::system_error);
    CHECK_THROWS_AS(log.host->call_at_turn_end({}), std::system_error);
}

TEST_CASE("a device that goes within a turn takes its call at the end back", "[target][device-host]") {
    const Patience patience;
    RemoteVolume::Log log;
    Target target;
    target.add_export(at(1, 1), std::make_unique<RemoteVolume>(log));
    unsigned called = 0, cancelled = 0;
    std::array<aoetarget::CallId, 3> ids{};
    ids[0] = log.host->call_at_turn_end([&] {
        ++called;
        cancelled += log.host->cancel_call(ids[0]) ? 100U : 0U; // it is under way
        cancelled += log.host->cancel_call(ids[1]) ? 1U : 0U;
    });
    ids[1] = log.host->call_at_turn_end([&] { called += 100; });
    ids[2] = log.host->call_at_turn_end([&] { called += 100; });
    CHECK(log.host->cancel_call(ids[2]));
    CHECK_FALSE(log.host->cancel_call(ids[2]));
    turn_until(target, [&] { return called > 0; });
    CHECK(called == 1);
    CHECK(cancelled == 1);
}

TEST_CASE("a device tells that it has grown, and that it will not come back", "[target][device-host]") {
    const Patience patience;
    Events events;
    RemoteVolume::Log log, next;
    Target target(events.options());
    target.add_export(at(1, 1), std::make_unique<RemoteVolume>(log));
    target.poll();
    log.host->capacity_changed(*log.device);
    CHECK(target.export_sectors({1, 1}) == 128);

    auto replacement = std::make_unique<RemoteVolume>(next, 256);
    next.device = replacement.get();
    target.replace_device({1, 1}, std::move(replacement));
    next.host->retire(*next.device, "too early"); // it does not serve yet
    CHECK(target.export_sectors({1, 1}).has_value());
    turn_until(target, [&] { return log.destroyed == 1; });
    next.host->retire(*next.device, "its server has deleted it.");
    CHECK_FALSE(target.export_sectors({1, 1}).has_value());
    turn_until(target, [&] { return next.destroyed == 1; });
    turn_until(target, [&] { return contains(events.texts, "its server has deleted it."); });
}

TEST_CASE("a device that cannot begin is not added, and is destroyed", "[target][device-host]") {
    struct Refusing final : RemoteVolume {
        using RemoteVolume::RemoteVolume;
        void set_host(DeviceHost&) override {
            throw std::system_error(ECONNREFUSED, std::generic_category(), "nobody there");
        }
    };
    RemoteVolume::Log log, good;
    Target target;
    CHECK_THROWS_AS(target.add_export(at(1, 1), std::make_unique<Refusing>(log)), std::system_error);
    CHECK(log.destroyed == 1);
    target.add_export(at(1, 1), std::make_unique<RemoteVolume>(good));
    CHECK_THROWS_AS(target.replace_device({1, 1}, std::make_unique<Refusing>(log)), std::system_error);
    CHECK(log.destroyed == 2);
    CHECK(good.destroyed == 0);
}

TEST_CASE("a volume with a global identity has one serial number everywhere", "[target][device-host]") {
    struct Named final : RemoteVolume {
        Named(Log& log, bool global) : RemoteVolume(log), global_(global) {}
        [[nodiscard]] std::string identity() const override { return "pool/image"; }
        [[nodiscard]] bool is_identity_global() const override { return global_; }
        bool global_;
    };
    const bool global = GENERATE(true, false);
    RemoteVolume::Log logs[2];
    Target target;
    target.add_export(at(1, 1), std::make_unique<Named>(logs[0], global));
    target.add_export(at(2, 7), std::make_unique<Named>(logs[1], global));
    const auto exports = target.stats().exports;
    CHECK((exports[0].serial == exports[1].serial) == global);
}

TEST_CASE("a target whose device keeps an operation for good ends after its patience",
          "[target][device-host]") {
    const Patience patience;
    const VethPair& wire = standard_wire();
    RawClient client(wire);
    StuckVolume::Log stuck;
    RemoteVolume::Log idle;
    const auto watched = std::make_shared<int>();
    const std::chrono::milliseconds patience_with_devices{GENERATE(0, 200)};
    const auto begin = std::chrono::steady_clock::now();
    {
        aoetarget::TargetOptions options;
        options.device_patience = patience_with_devices;
        Target target(options);
        target.add_interface(wire.target_end());
        target.add_export(at(1, 1), std::make_unique<StuckVolume>(stuck));
        target.add_export(at(1, 2), std::make_unique<RemoteVolume>(idle));
        target.watch(target.fd(), POLLPRI, [watched](short) {});
        target.poll();
        client.send(read_request(0, 1));
        turn_until(target, [&] { return stuck.held != nullptr; });
    }
    CHECK(std::chrono::steady_clock::now() - begin >= patience_with_devices);
    CHECK(watched.use_count() == 1);
    CHECK_FALSE(stuck.is_destroyed);
    CHECK(idle.destroyed == 1);
    stuck.held->complete_from_any_thread(); // finds its memory still there
    Target next;
    next.add_interface(wire.target_end()); // nothing is left there
}
