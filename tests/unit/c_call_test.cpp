// The functions of a C host that a target calls: each gets its `user` back exactly once.
#include "c_fixture.hpp"
#include "support/catch.hpp"

#include <cerrno>

#include <poll.h>
#include <unistd.h>

using namespace aoetest;

TEST_CASE("each function gets its user back once, whether it is called or not", "[c][call]") {
    const Patience patience;
    enter_test_network();
    Fate fate;
    int called = 0;
    aoetarget_target* target = aoetarget_create(nullptr);
    int pipe_ends[2];
    REQUIRE(pipe(pipe_ends) == 0);
    const auto ready = [](void* user, short) { Fate::call(user); };
    std::uint64_t id = 0;

    SECTION("a posted one that is called") {
        CHECK(aoetarget_post(target, Fate::call, Fate::destroy, &fate) == 0);
        CHECK(aoetarget_poll(target) == 1);
        called = 1;
    }
    SECTION("a posted one that is not") {
        CHECK(aoetarget_post(target, Fate::call, Fate::destroy, &fate) == 0);
        aoetarget_destroy(std::exchange(target, nullptr));
    }
    SECTION("none is there to be posted") {
        CHECK(aoetarget_post(target, nullptr, Fate::destroy, &fate) == -EINVAL);
    }
    SECTION("nobody is there to post to") {
        CHECK(aoetarget_post(nullptr, Fate::call, Fate::destroy, &fate) == -EINVAL);
    }
    SECTION("a delayed one") {
        CHECK(aoetarget_call_after(target, 0, Fate::call, Fate::destroy, &fate, &id) == 0);
        CHECK(id != 0);
        while (fate.calls == 0)
            CHECK(aoetarget_poll(target) == 1);
        CHECK(aoetarget_cancel_call(target, id) == -ENOENT);
        called = 1;
    }
    SECTION("a delayed one that is cancelled") {
        CHECK(aoetarget_call_after(target, 100'000, Fate::call, Fate::destroy, &fate, &id) == 0);
        CHECK(aoetarget_cancel_call(target, id) == 0);
    }
    SECTION("a watch that ends") {
        CHECK(aoetarget_watch(target, pipe_ends[0], POLLIN, ready, Fate::destroy, &fate) == 0);
        CHECK(write(pipe_ends[1], "x", 1) == 1);
        while (fate.calls == 0)
            CHECK(aoetarget_poll(target) == 1);
        CHECK(fate.destroyed == 0);
        CHECK(aoetarget_unwatch(target, pipe_ends[0]) == 0);
        CHECK(aoetarget_poll(target) == 1);
        called = fate.calls;
    }
    SECTION("a watch that has no function") {
        CHECK(aoetarget_watch(target, pipe_ends[0], POLLIN, nullptr, Fate::destroy, &fate) == -EINVAL);
    }
    SECTION("the end of an export that is not there") {
        CHECK(aoetarget_remove_export(target, 1, 1, Fate::call, Fate::destroy, &fate) == -ENOENT);
    }
    CHECK(fate.destroyed == 1);
    aoetarget_destroy(target);
    CHECK(fate.destroyed == 1);
    CHECK(fate.calls == called);
    close(pipe_ends[0]);
    close(pipe_ends[1]);
}

TEST_CASE("a C host learns of events", "[c][event]") {
    const Patience patience;
    const VethPair& wire = standard_wire();
    struct Host : Fate {
        std::vector<std::string> told{};
    } host;
    aoetarget_target_options options = AOETARGET_TARGET_OPTIONS_INIT;
    options.on_event = [](void* user, const aoetarget_event* event) {
        CHECK(event->size == sizeof *event);
        static_cast<Host*>(static_cast<Fate*>(user))
            ->told.push_back(std::to_string(event->severity) + " " + std::to_string(event->kind) + " " +
                             event->kind_name + " " + event->subject);
        CHECK(std::strlen(event->text) > 0);
    };
    options.destroy = Fate::destroy;
    options.user = static_cast<Fate*>(&host);
    {
        const CTarget target(&options);
        CHECK(aoetarget_poll(target) == 1);
        CHECK(aoetarget_add_interface(target, wire.target_end().c_str(), nullptr, nullptr) == 0);
        while (host.told.empty())
            CHECK(aoetarget_poll(target) == 1);
        CHECK(host.destroyed == 0);
    }
    CHECK(host.told.front() == "5 11 interface-added " + wire.target_end());
    CHECK(host.destroyed == 1);
}

TEST_CASE("a target that cannot be created gives the user of its events back", "[c][event]") {
    Fate fate;
    aoetarget_target_options options = AOETARGET_TARGET_OPTIONS_INIT;
    options.on_event = [](void*, const aoetarget_event*) {};
    options.destroy = Fate::destroy;
    options.user = &fate;
    SECTION("an option is out of range") {
        options.buffer_count = 1;
    }
    SECTION("its size is none") {
        options.size = 1;
    }
    SECTION("there is no function") {
        options.on_event = nullptr;
        options.buffer_count = 1;
    }
    CHECK(aoetarget_create(&options) == nullptr);
    CHECK(errno == EINVAL);
    CHECK(fate.destroyed == (options.size == 1 ? 0 : 1)); // the library could not read it
}
