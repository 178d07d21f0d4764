// What becomes of the configuration that runs when parts of a change fail.
#include "support/catch.hpp"

#include "config/export_spec.hpp"
#include "service/running_configuration.hpp"

#include <fmt/format.h>

#include <chrono>
#include <ctime>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

using aoetarget::Address;
using cli::Configuration;
using cli::Transition;
using Extent = cli::Transition::Extent;
using Clock = std::chrono::steady_clock;

namespace {

class FakeDevice final : public aoetarget::FileDevice {
  public:
    [[nodiscard]] aoetarget::Geometry geometry() const override { return {.sectors = 8}; }
    void submit(aoetarget::Io& io) override { io.complete(); }
    [[nodiscard]] std::string mode() const override { return "fake"; }
    [[nodiscard]] const std::vector<std::string>& notes() const override { return notes_; }

  private:
    std::vector<std::string> notes_;
};

cli::ExportSpec export_of(unsigned number, const std::string& options = {}) {
    return cli::parse_export_spec(fmt::format("{}.{}=/none{}", number / 100, number % 100, options));
}

/// A target that nobody can reach: no interface of it exists.
class Running {
  public:
    explicit Running(const Configuration& configuration)
        : running_(targets_, configuration, [](const Address&) {}) {}

    Transition::Result change_to(const Configuration& wanted, cli::OpenDevices devices) {
        std::optional<Transition::Result> result;
        running_.change_to(wanted, {.devices = std::move(devices)}, Extent::possible,
                           [&](const Transition::Result& with) { result = with; });
        const auto end = Clock::now() + std::chrono::seconds(300);
        while (!result && Clock::now() < end)
            targets_[0].poll();
        return result.value();
    }
    [[nodiscard]] const Configuration& now() const { return running_.now(); }

  private:
    cli::TargetThreads targets_{{}, 1};
    cli::RunningConfiguration running_;
};

struct Reload {
    std::size_t added, failed;
    std::clock_t time; ///< Of the processor, so that other programs do not count.
};

/// Adds so many exports of which every other one fails.
Reload add_exports(unsigned count) {
    Running running({});
    Configuration wanted;
    cli::OpenDevices devices;
    for (unsigned i = 0; i < count; ++i) {
        wanted.exports.push_back(export_of(i));
        if (i % 2 == 0)
            devices.emplace(wanted.exports.back().options.address,
                            cli::OpenDevice{std::make_unique<FakeDevice>()});
    }
    const std::clock_t start = std::clock();
    const Transition::Result result = running.change_to(wanted, std::move(devices));
    return {running.now().exports.size(), result.failures.size(), std::clock() - start};
}

} // namespace

TEST_CASE("of a reload with thousands of failures, each part takes as long as with few", "[cli][running]") {
    const Reload few = add_exports(150), many = add_exports(3000);
    CHECK(many.added == 1500);
    CHECK(many.failed == 1500);
    CHECK(many.time < 20 * 5 * few.time);
}

TEST_CASE("an interface and the exports that name it depend on each other", "[cli][running]") {
    using Failures = cli::Dependencies::Failures;
    const auto with = [](const std::vector<std::string>& interfaces,
                         const std::vector<cli::ExportSpec>& exports) {
        Configuration configuration{.exports = exports};
        for (const std::string& name : interfaces)
            configuration.interfaces.push_back({name, {}});
        return configuration;
    };
    struct Case {
        Configuration from, to;
        Failures failures;
        std::string part, obstacle;
    };
    const cli::ExportSpec on_1 = export_of(1, ",interfaces=eth1"), on_2 = export_of(1, ",interfaces=eth2");
    const cli::ExportSpec on_all = export_of(1, ",interfaces=eth*"), other = export_of(2);
    const cli::Failure failed(cli::exit_failed, "?");
    const std::string stays = "export e0.1 stays as it was, and is served there";
    const std::string missing = "export e0.1: interfaces has 'eth2', but the target does not serve on it";
    const Case cases[] = {
        {with({"eth1"}, {on_1}), with({"eth2"}, {on_2}), {}, "interface eth1", ""},
        {with({"eth1"}, {on_1}),
         with({"eth2"}, {on_2}),
         {{"interface eth2", failed}},
         "export e0.1",
         missing},
        {with({"eth1"}, {on_1}), with({"eth2"}, {on_2}), {{"export e0.2", failed}}, "export e0.1", ""},
        {with({"eth1"}, {on_1}), with({"eth2"}, {on_2}), {{"export e0.1", failed}}, "interface eth1", stays},
        {with({"eth1"}, {on_1}), with({"eth2"}, {other}), {{"export e0.1", failed}}, "interface eth1", stays},
        {with({"eth1", "eth3"}, {on_1}),
         with({"eth2"}, {on_2}),
         {{"export e0.1", failed}},
         "interface eth3",
         ""},
        // It may be any of several.
        {with({"eth1"}, {on_1}), with({"eth*"}, {on_1}), {}, "interface eth1", ""},
        {with({"eth1"}, {on_1}),
         with({"eth*"}, {on_1}),
         {{"interface eth*", failed}},
         "interface eth1",
         stays},
        {with({"eth1", "eth2"}, {on_all}), with({"eth2"}, {on_all}), {{"x", failed}}, "interface eth1", ""},
        {with({"eth1", "eth*"}, {on_1}), with({}, {}), {{"export e0.1", failed}}, "interface eth*", stays},
        {with({"eth1", "eth*"}, {on_1}),
         with({}, {}),
         {{"export e0.1", failed}, {"interface eth*", failed}},
         "interface eth1",
         ""},
    };
    for (const Case& one : cases) {
        const std::vector<cli::Change> changes = cli::difference(one.from, one.to);
        const std::string obstacle =
            cli::Dependencies(one.from, changes, {}).obstacle_to(one.part, one.failures);
        INFO(one.part << " of case " << &one - cases);
        CHECK(obstacle.starts_with(one.obstacle));
        CHECK(obstacle.empty() == one.obstacle.empty());
    }
}
