// To which thread a target of C belongs, what its callbacks may do, and what a child process gets.
#include "c_fixture.hpp"
#include "support/backing.hpp"
#include "support/catch.hpp"
#include "support/child_process.hpp"
#include "support/sanitizers.hpp"

#include <cerrno>

#include <sys/wait.h>
#include <unistd.h>

using namespace aoetest;
using Catch::Matchers::Contains;

namespace {

/// Returns what `call` returns on a thread of its own.
template <typename Call>
auto elsewhere(Call call) {
    return std::async(std::launch::async, call).get();
}

} // namespace

TEST_CASE("a target belongs to the thread that polls it first", "[c][thread]") {
    const Patience patience;
    enter_test_network();
    CVolume volume;
    CVolume other;
    CTarget target;
    const aoetarget_export_options options = c_export(1, 1);
    CHECK(elsewhere([&] { return aoetarget_add_export(target, &options, volume.device()); }) == 0);
    CHECK(aoetarget_poll(target) == 1);

    CHECK(elsewhere([&] { return aoetarget_poll(target); }) == -EPERM);
    CHECK(elsewhere([&] { return aoetarget_run(target); }) == -EPERM);
    CHECK(elsewhere([&] { return aoetarget_destroy(target); }) == -EPERM);
    CHECK(elsewhere([&] { return aoetarget_remove_export(target, 1, 1, nullptr, nullptr, nullptr); }) ==
          -EPERM);
    CHECK(elsewhere([&] { return aoetarget_replace_device(target, 1, 1, other.device()); }) == -EPERM);
    CHECK(other.destroyed == 1);
    CHECK(elsewhere([&] { return aoetarget_take_stats(target) == nullptr && errno == EPERM; }));
    CHECK_THAT(elsewhere([&] {
                   aoetarget_poll(target);
                   return std::string(aoetarget_error());
               }),
               Contains("aoetarget_post()"));
    CHECK(volume.destroyed == 0);

    Fate posted;
    CHECK(elsewhere([&] { return aoetarget_post(target, Fate::call, Fate::destroy, &posted); }) == 0);
    CHECK(aoetarget_poll(target) == 1);
    CHECK(posted.calls == 1);
    CHECK(posted.destroyed == 1);
}

TEST_CASE("the text of an error belongs to its thread", "[c][thread]") {
    CHECK(aoetarget_poll(nullptr) == -EINVAL);
    const std::string here = aoetarget_error();
    CHECK_THAT(here, Contains("aoetarget_create()"));
    CHECK(elsewhere([] { return std::string(aoetarget_error()); }).empty());
    CHECK(aoetarget_error() == here);
}

TEST_CASE("after its end any thread may use a target and destroy it", "[c][thread]") {
    const Patience patience;
    enter_test_network();
    CVolume volume;
    const aoetarget_export_options options = c_export(1, 1);
    aoetarget_target* target = aoetarget_create(nullptr);
    REQUIRE(aoetarget_add_export(target, &options, volume.device()) == 0);
    {
        RunningCTarget running(target);
        CHECK(aoetarget_poll(target) == -EPERM);
        CHECK(running.end() == 0);
    }
    CHECK(aoetarget_poll(target) == 0);
    CHECK(elsewhere([&] { return aoetarget_run(target); }) == 0);
    aoetarget_stats* stats = aoetarget_take_stats(target);
    CHECK(stats != nullptr);
    aoetarget_destroy_stats(stats);
    CHECK(elsewhere([&] { return aoetarget_destroy(target); }) == 0);
    CHECK(volume.destroyed == 1);
}

TEST_CASE("a function that a target calls may use it, and neither run nor destroy it", "[c][thread]") {
    const Patience patience;
    enter_test_network();
    struct Host : Fate {
        aoetarget_target* target = aoetarget_create(nullptr);
        std::vector<int> results{};
        CVolume volume{};
    } host;
    aoetarget_post(
        host.target,
        [](void* user) {
            auto* me = static_cast<Host*>(user);
            const aoetarget_export_options options = c_export(1, 1);
            me->results = {aoetarget_poll(me->target), aoetarget_run(me->target),
                           aoetarget_destroy(me->target),
                           aoetarget_add_export(me->target, &options, me->volume.device())};
        },
        nullptr, &host);
    CHECK(aoetarget_poll(host.target) == 1);
    CHECK(host.results == std::vector<int>{-EDEADLK, -EDEADLK, -EDEADLK, 0});
    CHECK_THAT(aoetarget_error(), Contains("aoetarget_stop()"));
    CHECK(aoetarget_destroy(host.target) == 0);
    CHECK(host.volume.destroyed == 1);
}

TEST_CASE("a device may call the target that destroys it", "[c][thread]") {
    enter_test_network();
    struct Host {
        aoetarget_target* target = aoetarget_create(nullptr);
        std::vector<int> results{};
    } host;
    aoetarget_device_ops ops = AOETARGET_DEVICE_OPS_INIT;
    ops.submit = [](void*, aoetarget_io* io) { aoetarget_io_complete(io, 0); };
    ops.destroy = [](void* user) {
        auto* me = static_cast<Host*>(user);
        CVolume late;
        const aoetarget_export_options options = c_export(1, 2);
        me->results = {aoetarget_destroy(me->target),
                       aoetarget_add_export(me->target, &options, late.device())};
    };
    aoetarget_geometry geometry = AOETARGET_GEOMETRY_INIT;
    geometry.sectors = 8;
    const aoetarget_export_options options = c_export(1, 1);
    REQUIRE(aoetarget_add_export(host.target, &options, aoetarget_create_device(&ops, &geometry, &host)) ==
            0);
    CHECK(aoetarget_destroy(host.target) == 0);
    CHECK(host.results == std::vector<int>{-EDEADLK, -ECANCELED});
}

TEST_CASE("a child that executes a program has no descriptor of the target", "[c][thread]") {
    const Patience patience;
    const VethPair& wire = standard_wire();
    const ImageFile image(64);
    CVolume volume;
    CTarget target;
    const aoetarget_export_options file = c_export(1, 2);
    REQUIRE(aoetarget_add_export(target, &file, aoetarget_open_file(image.path().c_str(), nullptr)) == 0);
    const aoetarget_export_options options = c_export(1, 1);
    REQUIRE(aoetarget_add_interface(target, wire.target_end().c_str(), nullptr, nullptr) == 0);
    REQUIRE(aoetarget_add_export(target, &options, volume.device()) == 0);
    CHECK(aoetarget_fd(target) >= 0);
    RunningCTarget running(target);
    RawClient client(wire);
    CHECK(client.read(0, 1) == pattern(0, 1));
    std::string listing;
    running.on_its_thread([&] { listing = run_tool({"/bin/ls", "-l", "/proc/self/fd"}).output; });
    CHECK_THAT(listing, Contains(" 0 -> ") && Contains(" 1 -> ") && Contains(" 2 -> "));
    CHECK_THAT(listing, !Contains("io_uring") && !Contains("eventfd") && !Contains("socket:") &&
                            !Contains("bpf") && !Contains(image.path()));
    CHECK(client.read(1, 1) == pattern(1, 1));
}

TEST_CASE("a child that goes on is refused, and the parent serves", "[c][thread]") {
    if (has_thread_sanitizer)
        SKIP_BECAUSE("the sanitizer does not follow a child of several threads");
    const Patience patience;
    const VethPair& wire = standard_wire();
    CVolume volume;
    CTarget target;
    const aoetarget_export_options options = c_export(1, 1);
    REQUIRE(aoetarget_add_interface(target, wire.target_end().c_str(), nullptr, nullptr) == 0);
    REQUIRE(aoetarget_add_export(target, &options, volume.device()) == 0);
    RunningCTarget running(target);
    int status = -1;
    running.on_its_thread([&] {
        const pid_t child = fork();
        if (child == 0)
            _exit(aoetarget_poll(target) == -EPERM && aoetarget_destroy(target) == -EPERM ? 0 : 1);
        waitpid(child, &status, 0);
    });
    CHECK(status == 0);
    RawClient client(wire);
    CHECK(client.read(0, 1) == pattern(0, 1));
}
