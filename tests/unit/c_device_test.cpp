// Devices of the C interface: what becomes of them, and their operations.
#include "c_fixture.hpp"
#include "support/backing.hpp"
#include "support/catch.hpp"

#include <cerrno>

#include <fcntl.h>
#include <unistd.h>

using namespace aoetest;

namespace {

/// Returns 0 once the target has destroyed what it removed.
int poll_until(aoetarget_target* target, const std::function<bool()>& condition) {
    while (!condition()) {
        if (const int result = aoetarget_poll(target); result <= 0)
            return -1;
        std::this_thread::sleep_for(Milliseconds(1));
    }
    return 0;
}

} // namespace

TEST_CASE("a device is destroyed exactly once, whatever becomes of it", "[c][device]") {
    const Patience patience;
    enter_test_network();
    CVolume volume;
    const aoetarget_export_options options = c_export(1, 1);
    aoetarget_target* target = aoetarget_create(nullptr);
    REQUIRE(target != nullptr);

    SECTION("the host destroys it") {
        aoetarget_destroy_device(volume.device());
    }
    SECTION("it cannot be created") {
        volume.ops.submit = nullptr;
        CHECK(volume.device() == nullptr);
        CHECK(errno == EINVAL);
    }
    SECTION("its operations are longer than the library knows") {
        struct {
            aoetarget_device_ops known;
            void* unknown;
        } future{volume.ops, &volume};
        future.known.size = sizeof future;
        CHECK(aoetarget_create_device(&future.known, &volume.geometry, static_cast<Fate*>(&volume)) ==
              nullptr);
        CHECK(errno == E2BIG);
    }
    SECTION("the target is destroyed") {
        CHECK(aoetarget_add_export(target, &options, volume.device()) == 0);
        CHECK(volume.destroyed == 0);
        aoetarget_destroy(std::exchange(target, nullptr));
    }
    SECTION("the address is in use") {
        CVolume first;
        CHECK(aoetarget_add_export(target, &options, first.device()) == 0);
        CHECK(aoetarget_add_export(target, &options, volume.device()) == -EEXIST);
        CHECK(first.destroyed == 0);
        aoetarget_destroy(std::exchange(target, nullptr));
    }
    SECTION("its geometry is impossible") {
        volume.geometry.sectors = 0;
        CHECK(aoetarget_add_export(target, &options, volume.device()) == -EINVAL);
    }
    SECTION("there is no target") {
        CHECK(aoetarget_add_export(nullptr, &options, volume.device()) == -EINVAL);
    }
    SECTION("the options have no size") {
        const aoetarget_export_options forgotten{};
        CHECK(aoetarget_add_export(target, &forgotten, volume.device()) == -EINVAL);
    }
    SECTION("the export is removed") {
        Fate gone;
        CHECK(aoetarget_add_export(target, &options, volume.device()) == 0);
        CHECK(aoetarget_remove_export(target, 1, 1, Fate::call, Fate::destroy, &gone) == 0);
        CHECK(poll_until(target, [&] { return gone.destroyed > 0; }) == 0);
        CHECK(gone.calls == 1);
        CHECK(volume.destroyed == 1);
    }
    SECTION("it replaces another") {
        CVolume first;
        CHECK(aoetarget_add_export(target, &options, first.device()) == 0);
        CHECK(aoetarget_replace_device(target, 1, 1, volume.device()) == 0);
        CHECK(poll_until(target, [&] { return first.destroyed > 0; }) == 0);
        CHECK(volume.destroyed == 0);
        aoetarget_destroy(std::exchange(target, nullptr));
        CHECK(first.destroyed == 1);
    }
    SECTION("there is no export whose device it could replace") {
        CHECK(aoetarget_replace_device(target, 1, 2, volume.device()) == -ENOENT);
    }
    SECTION("the target has been stopped") {
        aoetarget_stop(target);
        CHECK(aoetarget_add_export(target, &options, volume.device()) == -ECANCELED);
    }
    CHECK(volume.destroyed == 1);
    aoetarget_destroy(target);
    CHECK(volume.destroyed == 1);
}

TEST_CASE("a volume of C serves reads and writes", "[c][device]") {
    const Patience patience;
    const VethPair& wire = standard_wire();
    CVolume volume;
    volume.ops.identity = [](void*, char* text, std::size_t bytes) {
        return std::snprintf(text, bytes, "%s", "the volume");
    };
    CTarget target;
    const aoetarget_export_options options = c_export(1, 1);

    SECTION("completing at once") {}
    SECTION("completing on another thread") {
        volume.complete = [](aoetarget_io* io) {
            std::thread([io] { aoetarget_io_complete_from_any_thread(io, 0); }).detach();
        };
    }
    SECTION("completing on another thread, with the call for the target's own") {
        volume.complete = [](aoetarget_io* io) {
            std::thread([io] { aoetarget_io_complete(io, 0); }).detach();
        };
    }
    REQUIRE(aoetarget_add_interface(target, wire.target_end().c_str(), nullptr, nullptr) == 0);
    REQUIRE(aoetarget_add_export(target, &options, volume.device()) == 0);
    RunningCTarget running(target);
    RawClient client(wire);
    CHECK(client.read(5, 2) == pattern(5, 2));
    const Bytes other = pattern(1000, 2);
    client.write(8, other);
    CHECK(client.read(8, 2) == other);
    CHECK(running.end() == 0);
    CHECK(Bytes(volume.data.begin() + 8 * 512, volume.data.begin() + 10 * 512) == other);
}

TEST_CASE("an operation shows what the device has to do", "[c][device]") {
    const Patience patience;
    const VethPair& wire = standard_wire();
    struct Seen {
        std::int32_t op;
        std::uint64_t first, count, slots;
        std::size_t bytes;
        bool durable;
    };
    std::vector<Seen> seen; // on the target's thread, until it has ended
    CVolume volume;
    volume.geometry.volatile_cache = 1;
    volume.complete = [&](aoetarget_io* io) {
        std::size_t buffers = 0, bytes = 0;
        const iovec* iov = aoetarget_io_iov(io, &buffers);
        for (std::size_t i = 0; i < buffers; ++i)
            bytes += iov[i].iov_len;
        std::uint64_t* slot = aoetarget_io_slot(io);
        seen.push_back({aoetarget_io_op(io), aoetarget_io_first(io), aoetarget_io_count(io),
                        slot[0] | slot[1], bytes, aoetarget_io_durable(io) != 0});
        slot[0] = slot[1] = ~std::uint64_t{0};
        aoetarget_io_complete(io, 0);
    };
    CTarget target;
    const aoetarget_export_options options = c_export(1, 1);
    REQUIRE(aoetarget_add_interface(target, wire.target_end().c_str(), nullptr, nullptr) == 0);
    REQUIRE(aoetarget_add_export(target, &options, volume.device()) == 0);
    {
        RunningCTarget running(target);
        RawClient client(wire);
        client.read(3, 1);
        client.write(4, pattern(4, 2));
        CHECK(client.ask(write_request(6, pattern(6, 1), ata::write_dma_fua_ext)).status() == status_good);
        CHECK(client.ask(flush_request()).status() == status_good);
    }
    REQUIRE(seen.size() >= 4); // the end flushes once more
    const auto is = [&](std::size_t i, std::int32_t op, std::uint64_t first, std::uint64_t count,
                        bool durable) {
        CHECK(seen[i].op == op);
        CHECK(seen[i].first == first);
        CHECK(seen[i].count == count);
        CHECK(seen[i].bytes == count * sector_bytes);
        CHECK(seen[i].durable == durable);
        CHECK(seen[i].slots == 0);
    };
    is(0, AOETARGET_IO_READ, 3, 1, false);
    is(1, AOETARGET_IO_WRITE, 4, 2, false);
    is(2, AOETARGET_IO_WRITE, 6, 1, true);
    CHECK(seen[3].op == AOETARGET_IO_FLUSH);
}

TEST_CASE("an error of a C device may be positive or negative", "[c][device]") {
    const Patience patience;
    const VethPair& wire = standard_wire();
    CVolume volume;
    const int error = GENERATE(EIO, -EIO, -100'000);
    volume.complete = [&](aoetarget_io* io) { aoetarget_io_complete(io, error); };
    CTarget target;
    const aoetarget_export_options options = c_export(1, 1);
    REQUIRE(aoetarget_add_interface(target, wire.target_end().c_str(), nullptr, nullptr) == 0);
    REQUIRE(aoetarget_add_export(target, &options, volume.device()) == 0);
    RunningCTarget running(target);
    RawClient client(wire);
    const Reply reply = client.ask(read_request(0, 1));
    CHECK(reply.status() == status_error);
    CHECK(reply.ata_error() == error_uncorrectable);
}

TEST_CASE("a C device that has grown is taken over with its new end", "[c][device]") {
    const Patience patience;
    enter_test_network();
    CVolume volume(64);
    volume.ops.refresh_sectors = [](void*) { return std::uint64_t{128}; };
    CTarget target;
    const aoetarget_export_options options = c_export(1, 1);
    REQUIRE(aoetarget_add_export(target, &options, volume.device()) == 0);
    std::uint64_t sectors = 0;
    CHECK(aoetarget_export_sectors(target, 1, 1, &sectors) == 0);
    CHECK(sectors == 64);
    CHECK(aoetarget_resize_export(target, 1, 1, nullptr) == 0);
    CHECK(aoetarget_export_sectors(target, 1, 1, &sectors) == 0);
    CHECK(sectors == 128);
    CHECK(aoetarget_resize_export(target, 1, 2, &sectors) == -ENOENT);
}

TEST_CASE("a file is a device of C too, with its mode and its notes", "[c][device]") {
    const ImageFile image(64);
    aoetarget_file_options options = AOETARGET_FILE_OPTIONS_INIT;
    options.cache = AOETARGET_CACHE_PAGE;
    options.read_only = 1;
    aoetarget_device* device = aoetarget_open_file(image.path().c_str(), &options);
    REQUIRE(device != nullptr);
    CHECK_THAT(aoetarget_device_mode(device), Catch::Matchers::Contains("page"));
    CHECK(aoetarget_device_note(device, 100) == nullptr);
    CHECK(errno == ENOENT);
    aoetarget_destroy_device(device);

    CHECK(aoetarget_open_file("/nowhere/at/all", nullptr) == nullptr);
    CHECK(errno == ENOENT);
    CHECK_THAT(aoetarget_error(), Catch::Matchers::Contains("/nowhere/at/all"));

    CVolume volume;
    device = volume.device();
    CHECK(aoetarget_device_mode(device) == nullptr);
    CHECK(errno == EINVAL);
    aoetarget_destroy_device(device);
}

TEST_CASE("a target of C refuses a file that was opened for another process", "[c][device]") {
    enter_test_network();
    const ImageFile image(64);
    const CTarget target;
    const aoetarget_export_options options = c_export(1, 1);
    CHECK(aoetarget_add_export(target, &options, aoetarget_open_unclaimed(image.path().c_str(), nullptr)) ==
          -EINVAL);
    CHECK_THAT(aoetarget_error(), Catch::Matchers::Contains("open_unclaimed"));
}

TEST_CASE("a file that C has opened goes to another process in parts", "[c][device]") {
    const ImageFile image(64);
    aoetarget_device* device = aoetarget_open_file(image.path().c_str(), nullptr);
    REQUIRE(device != nullptr);
    aoetarget_device_parts parts = AOETARGET_DEVICE_PARTS_INIT;
    REQUIRE(aoetarget_take_apart_device(device, &parts) == 0);
    REQUIRE(parts.descriptor_count >= 1);
    std::vector<int> sent;
    for (std::size_t i = 0; i < parts.descriptor_count; ++i)
        sent.push_back(fcntl(parts.descriptors[i], F_DUPFD_CLOEXEC, 0));
    const std::string facts(static_cast<const char*>(parts.facts), parts.facts_bytes);
    aoetarget_destroy_device(device);

    struct {
        aoetarget_device_parts known = AOETARGET_DEVICE_PARTS_INIT;
        std::uint64_t unknown = 0;
    } received;
    received.known.size = sizeof received;
    received.known.facts = facts.data();
    received.known.facts_bytes = facts.size();
    received.known.descriptors = sent.data();
    received.known.descriptor_count = sent.size();
    SECTION("and works there") {
        device = aoetarget_put_together_device(&received.known, 0);
        REQUIRE(device != nullptr);
        CHECK_THAT(aoetarget_device_mode(device), Catch::Matchers::Contains("stable"));
        aoetarget_destroy_device(device);
        CHECK(fcntl(sent.front(), F_GETFD) == -1);
    }
    SECTION("which are refused, and closed, if they are not what they should be") {
        received.known.facts_bytes = 0;
        CHECK(aoetarget_put_together_device(&received.known, 0) == nullptr);
        CHECK(errno == EBADMSG);
        CHECK(fcntl(sent.front(), F_GETFD) == -1);
    }
    SECTION("which are closed, if the struct says more than the library knows") {
        received.unknown = 1;
        CHECK(aoetarget_put_together_device(&received.known, 0) == nullptr);
        CHECK(errno == E2BIG);
        CHECK(fcntl(sent.front(), F_GETFD) == -1);
    }
}

TEST_CASE("C learns that two exports would serve the same sectors", "[c][device]") {
    enter_test_network();
    const ImageFile image(64);
    const CTarget target;
    const aoetarget_export_options options = c_export(1, 1);
    REQUIRE(aoetarget_add_export(target, &options, aoetarget_open_file(image.path().c_str(), nullptr)) == 0);
    aoetarget_file_options replaces = AOETARGET_FILE_OPTIONS_INIT;
    replaces.replaces = 1;
    aoetarget_device* device = aoetarget_open_file(image.path().c_str(), &replaces);
    REQUIRE(device != nullptr);
    CHECK(aoetarget_shares_foreign_lock(target, 1, 2, device) == 1);
    CHECK(aoetarget_shares_foreign_lock(target, 1, 1, device) == 0);
    CHECK(aoetarget_shares_foreign_lock(target, 1, 1, nullptr) == -EINVAL);
    aoetarget_destroy_device(device);
}

TEST_CASE("a file has no identity of its own", "[c][device]") {
    const ImageFile image(64);
    char text[8] = "before";
    CHECK(aoetarget_find_own_identity(image.path().c_str(), nullptr, text, sizeof text) == 0);
    CHECK(text[0] == '\0');
    CHECK(aoetarget_find_own_identity(nullptr, nullptr, text, sizeof text) == -EINVAL);
}

TEST_CASE("C gets the notes about an export that it added", "[c][device]") {
    enter_test_network();
    const ScratchFolder folder;
    folder.write("e1.1.state", "nonsense");
    aoetarget_target_options options = AOETARGET_TARGET_OPTIONS_INIT;
    options.state_directory = folder.path().c_str();
    CVolume volume, other;
    const CTarget target(&options);
    const aoetarget_export_options damaged = c_export(1, 1), sound = c_export(1, 2);
    CHECK(aoetarget_add_export(target, &damaged, volume.device()) == 1);
    CHECK_THAT(aoetarget_export_note(target, 0), Catch::Matchers::Contains("damaged"));
    CHECK(aoetarget_export_note(target, 1) == nullptr);
    CHECK(errno == ENOENT);
    CHECK(aoetarget_add_export(target, &sound, other.device()) == 0);
    CHECK(aoetarget_export_note(target, 0) == nullptr);
}

TEST_CASE("C knows the version of the library", "[c]") {
    CHECK_THAT(aoetarget_version(), Catch::Matchers::Contains("."));
}

TEST_CASE("a descriptor that cannot be adopted is closed", "[c][device]") {
    const int fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    aoetarget_file_options options = AOETARGET_FILE_OPTIONS_INIT;
    const bool is_understood = GENERATE(true, false);
    if (!is_understood)
        options.cache = 17;
    CHECK(aoetarget_adopt_file(fd, "/dev/null", &options) == nullptr);
    CHECK(fcntl(fd, F_GETFD) == -1);
}
