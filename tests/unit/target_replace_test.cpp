// A target gets another device for an export while it is asked (Target::replace_device()).
#include "support/backing.hpp"
#include "support/catch.hpp"
#include "target_fixture.hpp"

#include <atomic>
#include <cerrno>

using namespace aoetest;
using aoetarget::open_file;
using aoetarget::Target;

namespace {

/// The error with which a device is refused; 0: it is not.
int refusal(RunningTarget& running, const aoetarget::Address& address,
            std::unique_ptr<aoetarget::BlockDevice> device) {
    int error = 0;
    running.on_its_thread([&](Target& target) {
        try {
            target.replace_device(address, std::move(device));
        } catch (const std::system_error& failure) {
            error = failure.code().value();
        }
    });
    return error;
}

} // namespace

TEST_CASE("an image is opened anew again and again while it is written, and no request fails",
          "[target][replace]") {
    const Patience patience;
    const VethPair& wire = standard_wire();
    const ImageFile image(2048);
    RunningTarget running([&](Target& target) {
        target.add_interface(wire.target_end());
        target.add_export(at(1, 1), open_file(image.path()));
    });
    RawClient client(wire);
    for (std::uint32_t version = 1; version <= 50; ++version) {
        std::vector<std::uint32_t> tags;
        for (std::uint64_t lba = 0; lba < 64; lba += 2)
            tags.push_back(client.send(write_request(lba, pattern(lba, 2, version))));
        running.on_its_thread([&](Target& target) {
            aoetarget::FileOptions options;
            options.replaces = true;
            if (version % 2 != 0)
                options.cache = aoetarget::Cache::page;
            CHECK(target.replace_device({1, 1}, open_file(image.path(), options)));
        });
        for (std::uint64_t lba = 0; lba < 64; lba += 2)
            tags.push_back(client.send(read_request(lba, 2)));
        for (const std::uint32_t tag : tags) {
            const auto reply = client.wait_for(tag);
            REQUIRE(reply);
            CHECK(reply->succeeded());
        }
        CHECK(client.read(0, 2) == pattern(0, 2, version));
    }
}

TEST_CASE("a device that never ends its operations does not keep the caller waiting", "[target][replace]") {
    VolumeLog next;
    ServedVolume scene(Volume::Way::worker);
    scene.log.held = true;
    const std::uint32_t write = scene.client.send(write_request(4, pattern(4, 2, 1)));
    CHECK(scene.client.wait_until([&] { return scene.log.operations > 0; }));
    CHECK(refusal(scene.running, {1, 1}, Volume::make(next)) == 0);
    const std::uint32_t read = scene.client.send(read_request(4, 2));
    CHECK_FALSE(scene.client.wait_for(read, Milliseconds(100)));
    CHECK(next.operations == 0);
    scene.log.held = false;
    CHECK(scene.client.wait_for(write)->succeeded());
    CHECK(scene.client.wait_for(read)->data() == pattern(4, 2)); // of the new one
    CHECK(scene.log.flushes == 1);
    CHECK(scene.client.wait_until([&] { return !scene.log.exists; }));
}

TEST_CASE("a device that cannot take the place of another is refused, and the other goes on",
          "[target][replace]") {
    ServedVolume scene;
    VolumeLog next;
    CHECK(refusal(scene.running, {1, 1}, Volume::make(next, 2047)) == EINVAL);
    CHECK_FALSE(next.exists);
    CHECK(refusal(scene.running, {1, 1}, nullptr) == EINVAL);
    scene.running.on_its_thread([&](Target& target) {
        CHECK(target.export_sectors({1, 1}) == 2048);
        CHECK_FALSE(target.export_sectors({1, 2}));
        CHECK_FALSE(target.replace_device({1, 2}, Volume::make(next)));
    });
    CHECK(scene.client.read(4, 2) == pattern(4, 2));
    CHECK(scene.log.exists);
    scene.running.end();
    CHECK_THROWS_AS(scene.running.target().replace_device({1, 1}, Volume::make(next)), std::system_error);
}

TEST_CASE("a device that shares the lock of another export is refused, and that of its own is not",
          "[target][replace]") {
    const Patience patience;
    const VethPair& wire = standard_wire();
    const ImageFile image(64), other(64);
    RunningTarget running([&](Target& target) {
        target.add_interface(wire.target_end());
        target.add_export(at(1, 1), open_file(image.path()));
        target.add_export(at(1, 2), open_file(other.path()));
    });
    aoetarget::FileOptions options;
    options.replaces = true;
    auto device = open_file(image.path(), options);
    running.on_its_thread([&](Target& target) {
        CHECK_FALSE(target.shares_foreign_lock({1, 1}, *device));
        CHECK(target.shares_foreign_lock({1, 2}, *device));
        CHECK(target.shares_foreign_lock({1, 3}, *device)); // which does not exist
    });
    CHECK(refusal(running, {1, 2}, std::move(device)) == EBUSY);
    CHECK(refusal(running, {1, 1}, open_file(image.path(), options)) == 0);
    const ImageFile third(64);
    device = open_file(third.path());
    running.on_its_thread([&](Target& target) { CHECK_FALSE(target.shares_foreign_lock({1, 2}, *device)); });
    CHECK(refusal(running, {1, 2}, std::move(device)) == 0);
}

TEST_CASE("whoever removes an export learns when its device has been destroyed", "[target]") {
    ServedVolume scene(Volume::Way::worker);
    scene.log.held = true;
    scene.client.send(write_request(4, pattern(4, 2, 1)));
    CHECK(scene.client.wait_until([&] { return scene.log.operations > 0; }));
    std::atomic<bool> is_gone = false, existed = false;
    scene.running.on_its_thread([&](Target& target) {
        CHECK(target.remove_export({1, 1}, [&] {
            existed = scene.log.exists.load();
            is_gone = true;
        }));
        CHECK_FALSE(target.remove_export({1, 1}, [&] { existed = true; }));
    });
    scene.client.receive(Milliseconds(100));
    CHECK_FALSE(is_gone);
    scene.log.held = false;
    CHECK(scene.client.wait_until([&] { return is_gone.load(); }));
    CHECK_FALSE(existed);
}
