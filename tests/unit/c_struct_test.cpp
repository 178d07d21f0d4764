// Structs that programs of older and newer releases share with the library.
#include "c_fixture.hpp"
#include "support/catch.hpp"

#include <cerrno>

using namespace aoetest;
using Catch::Matchers::Contains;

namespace {

/// A struct as a later release may have it.
template <typename Known>
struct Future {
    Known known;
    std::uint64_t unknown = 0;
};

} // namespace

TEST_CASE("a shorter struct of an older program leaves the rest at its default", "[c][struct]") {
    enter_test_network();
    struct {
        std::size_t size = sizeof *this;
        std::uint64_t sectors = 64;
    } geometry;
    struct {
        std::size_t size = sizeof *this;
        void (*submit)(void*, aoetarget_io*) = [](void*, aoetarget_io* io) { aoetarget_io_complete(io, 0); };
    } ops;
    struct {
        std::size_t size = sizeof *this;
        std::uint16_t shelf = 1;
        std::uint8_t slot = 1;
    } options;
    aoetarget_device* device =
        aoetarget_create_device(reinterpret_cast<const aoetarget_device_ops*>(&ops),
                                reinterpret_cast<const aoetarget_geometry*>(&geometry), nullptr);
    REQUIRE(device != nullptr);
    CTarget target;
    CHECK(aoetarget_add_export(target, reinterpret_cast<const aoetarget_export_options*>(&options), device) ==
          0);
    std::uint64_t sectors = 0;
    CHECK(aoetarget_export_sectors(target, 1, 1, &sectors) == 0);
    CHECK(sectors == 64);
}

TEST_CASE("a longer struct of a newer program is taken if it sets nothing unknown", "[c][struct]") {
    enter_test_network();
    Future<aoetarget_target_options> options{AOETARGET_TARGET_OPTIONS_INIT, 0};
    options.known.size = sizeof options;
    options.known.buffer_count = 7;
    SECTION("zeros") {
        CTarget target(&options.known);
        CHECK(aoetarget_fd(target) >= 0);
    }
    SECTION("anything else is E2BIG") {
        options.unknown = std::uint64_t{1} << 63;
        CHECK(aoetarget_create(&options.known) == nullptr);
        CHECK(errno == E2BIG);
        CHECK_THAT(aoetarget_error(), Contains("leave it zero"));
    }
}

TEST_CASE("a struct without a size is refused", "[c][struct]") {
    const aoetarget_target_options options{};
    CHECK(aoetarget_create(&options) == nullptr);
    CHECK(errno == EINVAL);
    CHECK_THAT(aoetarget_error(), Contains("_INIT"));
}

TEST_CASE("a struct of counters is filled as far as both know it", "[c][struct]") {
    enter_test_network();
    CVolume volume;
    CTarget target;
    const aoetarget_export_options options = c_export(3, 4);
    REQUIRE(aoetarget_add_export(target, &options, volume.device()) == 0);
    aoetarget_stats* stats = aoetarget_take_stats(target);
    REQUIRE(stats != nullptr);

    aoetarget_totals totals;
    CHECK(aoetarget_stats_totals(stats, &totals, sizeof totals) == sizeof totals);
    CHECK(totals.exports == 1);
    CHECK(totals.interfaces == 0);

    Future<aoetarget_export_stats> future;
    future.unknown = 99;
    CHECK(aoetarget_stats_export(stats, 0, &future.known, sizeof future) ==
          static_cast<int>(sizeof(aoetarget_export_stats)));
    CHECK(future.known.shelf == 3);
    CHECK(future.known.slot == 4);
    CHECK(future.known.sectors == 2048);
    CHECK(future.known.oldest_request_ns == -1);
    CHECK(std::strlen(future.known.serial) > 0);
    CHECK(future.unknown == 0);

    aoetarget_export_stats past{};
    past.reads = 99;
    CHECK(aoetarget_stats_export(stats, 0, &past, offsetof(aoetarget_export_stats, reads)) ==
          static_cast<int>(sizeof past));
    CHECK(past.sectors == 2048);
    CHECK(past.reads == 99);

    CHECK(aoetarget_stats_export(stats, 1, &past, sizeof past) == -ENOENT);
    CHECK(aoetarget_stats_export(stats, 0, nullptr, sizeof past) == -EINVAL);
    CHECK(aoetarget_stats_waited_for(stats, 0) == nullptr);
    aoetarget_destroy_stats(stats);
}

TEST_CASE("options that are no constant or no address are refused by name", "[c][struct]") {
    enter_test_network();
    CVolume volume;
    CTarget target;
    aoetarget_interface_options interface = AOETARGET_INTERFACE_OPTIONS_INIT;
    interface.link = 3;
    CHECK(aoetarget_add_interface(target, "lo", &interface, nullptr) == -EINVAL);
    CHECK_THAT(aoetarget_error(), Contains("link 3"));

    const char* const allow[] = {"52:54:00:*", "nonsense", nullptr};
    aoetarget_export_options options = c_export(1, 1);
    options.allow = allow;
    CHECK(aoetarget_add_export(target, &options, volume.device()) == -EINVAL);
    CHECK_THAT(aoetarget_error(), Contains("nonsense"));
    CHECK(volume.destroyed == 1);
}

TEST_CASE("durations that are zero have their default, and AOETARGET_NONE makes them zero", "[c][struct]") {
    enter_test_network();
    aoetarget_target_options options = AOETARGET_TARGET_OPTIONS_INIT;
    options.busy_poll_us = AOETARGET_NONE;
    CVolume volume;
    const CTarget target(&options);
    aoetarget_export_options exported = c_export(1, 1);
    SECTION("none") {
        exported.silence_on_error_ms = exported.device_timeout_ms = AOETARGET_NONE;
        CHECK(aoetarget_add_export(target, &exported, volume.device()) == 0);
    }
    SECTION("less than that") {
        exported.device_timeout_ms = -2;
        CHECK(aoetarget_add_export(target, &exported, volume.device()) == -EINVAL);
    }
}

TEST_CASE("text is written as snprintf() does", "[c][struct]") {
    enter_test_network();
    const CTarget target;
    const int length = aoetarget_features(target, nullptr, 0);
    REQUIRE(length > 8);
    char text[9] = "........";
    CHECK(aoetarget_features(target, text, sizeof text) == length);
    CHECK(std::string(text) == "io_uring");
}
