// Disks that take a module: device mapper, md, SCSI.
#include "catch.hpp"
#include "machine.hpp"
#include "raw_client.hpp"

#include <csignal>
#include <filesystem>

using namespace aoetest;

namespace {

bool is_fault(const Reply& reply) {
    return !reply.is_error() && reply.status() == status_fault && reply.ata_error() == error_abort;
}

struct LinearScene {
    explicit LinearScene(const std::string& options = {})
        : client(wire), target({wire.target_end()}, {export_argument(1, 1, device.path(), options)}) {}

    static constexpr std::uint64_t sectors = 1024;

    const VethPair& wire = standard_wire();
    ImageFile image{4 * sectors};
    LoopDevice loop{image.path()};
    LinearDevice device{"linear0", loop.path(), sectors};
    RawClient client;
    TargetProcess target;
};

class ScsiScene {
  public:
    // `link`: a symbolic link to the disk that is exported, if any.
    explicit ScsiScene(std::string link = {}) : link_(std::move(link)), client(wire_) {
        if (!link_.empty())
            point(link_);
        start();
        client.write(4, pattern(4, 2, 1));
        CHECK(client.read(4, 2) == pattern(4, 2, 1));
    }
    void start() {
        target = std::make_unique<TargetProcess>(
            std::vector<std::string>{wire_.target_end()},
            std::vector<std::string>{
                export_argument(1, 1, link_.empty() ? disk.path() : link_, "on-error=answer")});
    }
    void end_with(int code) {
        target->expect_exit();
        target->signal(SIGTERM);
        CHECK(target->wait_for_exit(slow_patience) == code);
        client.forget_outstanding();
    }
    void point(const std::string& link) const { std::filesystem::create_symlink(disk.path(), link); }

  private:
    const VethPair& wire_ = standard_wire();
    const std::string link_;

  public:
    ScsiDisk disk;
    RawClient client;
    std::unique_ptr<TargetProcess> target;
};

} // namespace

TEST_CASE("a request to a suspended device is a fault in time and the device recovers") {
    LinearScene scene("device-timeout=1s");
    RawClient& client = scene.client;
    client.write(0, pattern(0, 2, 1));
    scene.device.suspend();
    const auto reply = client.wait_for(client.send(write_request(4, pattern(4, 2, 1))), slow_patience);
    REQUIRE(reply);
    CHECK(is_fault(*reply));
    CHECK(says(scene.target, "e1.1: A write of 2 sectors from sector 4 was not finished within 1 s"));
    const std::uint32_t next = client.send(write_request(4, pattern(4, 2, 2)));
    CHECK_FALSE(client.wait_for(next, Milliseconds(300)));
    scene.device.resume();
    const auto answer = client.wait_for(next, slow_patience);
    REQUIRE(answer);
    CHECK(answer->succeeded());
    CHECK(client.read(4, 2) == pattern(4, 2, 2));
    CHECK(says(scene.target, "e1.1: It carries out requests again."));
}

TEST_CASE("a device that is suspended at the start keeps no other export from being served") {
    const VethPair& wire = standard_wire();
    const ImageFile image(64), below(1024);
    const LoopDevice loop(below.path());
    const LinearDevice device("linear0", loop.path(), 1024);
    RawClient client(wire);
    device.suspend();
    TargetProcess target({wire.target_end()},
                         {export_argument(1, 1, image.path()), export_argument(2, 1, device.path())});
    CHECK(client.read(4, 2) == pattern(4, 2));
    const std::uint32_t waits = client.send(write_request(4, pattern(4, 2, 1)).to(2, 1));
    for (unsigned lba = 0; lba < 20; lba += 2)
        client.write(lba, pattern(lba, 2, 1));
    CHECK(client.answers_to(waits) == 0);
    device.resume();
    const auto answer = client.wait_for(waits, slow_patience);
    REQUIRE(answer);
    CHECK(answer->succeeded());
}

TEST_CASE("an end that waits for a suspended device is in good order once that is resumed") {
    LinearScene scene;
    RawClient& client = scene.client;
    client.write(0, pattern(0, 2, 1));
    scene.device.suspend();
    const std::uint32_t waits = client.send(write_request(4, pattern(4, 2, 1)));
    client.receive(Milliseconds(300));
    scene.target.signal(SIGTERM);
    scene.target.expect_exit();
    CHECK_FALSE(scene.target.wait_for_exit(Milliseconds(500)));
    scene.device.resume();
    CHECK(scene.target.wait_for_exit(slow_patience) == 0);
    CHECK(scene.device.remove().exit_code == 0);
    const auto answer = client.wait_for(waits, slow_patience);
    REQUIRE(answer);
    CHECK(answer->succeeded());
    CHECK(read_backing(scene.loop.path(), 4, 2) == pattern(4, 2, 1));
}

TEST_CASE("a device of device mapper is free as soon as the target has ended") {
    const VethPair& wire = standard_wire();
    const ImageFile image(1024);
    const LoopDevice loop(image.path());
    RawClient client(wire);
    for (int run = 0; run < 10; ++run) {
        CAPTURE(run);
        const LinearDevice device("linear0", loop.path(), 1024);
        TargetProcess target({wire.target_end()}, {export_argument(1, 1, device.path())},
                             {"--threads", run % 2 == 0 ? "1" : "2"});
        client.write(0, pattern(0, 2, 1));
        CHECK(device.remove().exit_code != 0);     // while it is served
        for (unsigned lba = 0; lba < 64; lba += 2) // some of them are under way at the end
            client.send(write_request(lba, pattern(lba, 2, 1)));
        target.stop();
        const ToolResult removed = device.remove();
        CAPTURE(removed.error);
        CHECK(removed.exit_code == 0);
        client.forget_outstanding();
    }
}

TEST_CASE("a device of device mapper that grows is served as it is and one that shrinks is told") {
    LinearScene scene;
    RawClient& client = scene.client;
    CHECK(client.identify().sectors_48() == 1024);
    client.receive(Milliseconds(500)); // the advertisements of the start
    client.take_advertisements();
    scene.device.resize(3000);
    CHECK(says(scene.target, "e1.1: It has 3000 sectors now, 1976 more than before."));
    CHECK(client.identify().sectors_48() == 3000);
    CHECK(client.wait_until([&] { return !client.take_advertisements().empty(); }, slow_patience));
    client.write(2998, pattern(2998, 2, 1));
    CHECK(client.read(2998, 2) == pattern(2998, 2, 1));

    scene.device.resize(2000);
    CHECK(says(scene.target, "e1.1: Its device has only 2000 sectors now, and initiators know of 3000."));
    CHECK(client.identify().sectors_48() == 3000);
    CHECK(client.read(1998, 2) == pattern(1998, 2));
    CHECK(is_fault(client.ask(read_request(2998, 2))));
    CHECK(is_fault(client.ask(write_request(2998, pattern(2998, 2, 2)))));

    scene.device.resize(3000);
    CHECK(client.wait_until([&] { return client.ask(read_request(2998, 2)).succeeded(); }, slow_patience));
    CHECK(client.read(2998, 2) == pattern(2998, 2, 1));
}

TEST_CASE("a volume of LVM grows under its export and its disk is refused with the command that frees it") {
    const VethPair& wire = standard_wire();
    const ImageFile image(65536, ImageFile::Fill::sparse);
    const LoopDevice loop(image.path());
    const auto lvm = [](std::vector<std::string> words) {
        words.insert(words.begin(), "lvm");
        run(words);
    };
    lvm({"vgcreate", "--quiet", "--physicalextentsize", "1m", "my-group", loop.path()});
    lvm({"lvcreate", "--yes", "--zero", "n", "--wipesignatures", "n", "--name", "alpha", "--size", "4m",
         "my-group"});
    CHECK(contains(refusal_of(wire.target_end(), loop.path()), "free it with 'vgchange -an my-group'"));
    RawClient client(wire);
    {
        TargetProcess target({wire.target_end()}, {export_argument(1, 1, "/dev/mapper/my--group-alpha")});
        client.write(4, pattern(4, 2, 1));
        lvm({"lvextend", "--size", "8m", "my-group/alpha"});
        CHECK(says(target, "e1.1: It has 16384 sectors now, 8192 more than before."));
        client.write(16382, pattern(16382, 2, 1));
        CHECK(client.read(4, 2) == pattern(4, 2, 1));
        target.stop();
    }
    lvm({"vgchange", "-an", "my-group"}); // as the refusal says
    const TargetProcess target({wire.target_end()}, {export_argument(1, 1, loop.path())});
    CHECK(client.identify().sectors_48() == 65536);
}

TEST_CASE("a disk of an array is refused with the command that frees it") {
    const VethPair& wire = standard_wire();
    const ImageFile one(8192, ImageFile::Fill::sparse), other(8192, ImageFile::Fill::sparse);
    const LoopDevice one_disk(one.path()), other_disk(other.path());
    const Mirror mirror("/dev/md127", one_disk.path(), other_disk.path());
    RawClient client(wire);
    const std::string refusal = refusal_of(wire.target_end(), one_disk.path());
    CAPTURE(refusal);
    CHECK(contains(refusal, "md127 is assembled over it; free it with 'mdadm --stop /dev/md127'"));
    CHECK_FALSE(contains(refusal, "force"));
    {
        TargetProcess target({wire.target_end()}, {export_argument(1, 1, mirror.path())});
        client.write(4, pattern(4, 2, 1));
        run({"mdadm", "--fail", mirror.path(), one_disk.path()});
        client.write(6, pattern(6, 2, 1));
        CHECK(client.read(4, 2) == pattern(4, 2, 1));
        CHECK(client.read(6, 2) == pattern(6, 2, 1));
        target.stop();
    }
    run({"mdadm", "--stop", "/dev/md127"}); // as the refusal says; it was served until just now
    TargetProcess target({wire.target_end()}, {export_argument(1, 1, one_disk.path())});
    client.write(0, pattern(0, 2, 1));
}

TEST_CASE("a disk below a device of device mapper is refused with the command that frees it") {
    const VethPair& wire = standard_wire();
    const ImageFile image(1024);
    const LoopDevice loop(image.path());
    const LinearDevice device("linear0", loop.path(), 1024);
    CHECK(contains(refusal_of(wire.target_end(), loop.path()), "'dmsetup remove linear0'"));
}

TEST_CASE("a disk that is pulled out is a fault and an event and not an address that does not exist") {
    ScsiScene scene;
    RawClient& client = scene.client;
    scene.disk.pull_out();
    CHECK(says(*scene.target, "e1.1: Its path names no device any more."));
    const Request read = read_request(4, 2), write = write_request(4, pattern(4, 2, 2));
    for (const Request& request : {read, write, flush_request(), read}) {
        const Reply reply = client.ask(request);
        CAPTURE(hex_dump(reply.bytes));
        CHECK(is_fault(reply));
    }
    CHECK(says(
        *scene.target,
        "e1.1: A read of 2 sectors from sector 4 failed: No such device or address. The device is gone"));
    CHECK(client.identify().sectors_48() == ScsiDisk::sectors);

    scene.disk.put_back(); // under another name, because the old one is still open
    scene.end_with(1);     // flushes have failed
    scene.start();
    CHECK(client.read(4, 2) == pattern(4, 2, 1));
}

TEST_CASE("a disk that comes back under its name is free and served after a restart") {
    ScsiScene scene;
    const std::string path = scene.disk.path();
    scene.disk.pull_out();
    CHECK(is_fault(scene.client.ask(read_request(4, 2))));
    scene.end_with(1); // the last flush has failed
    scene.disk.put_back();
    CHECK(scene.disk.path() == path);
    scene.start();
    CHECK(scene.client.read(4, 2) == pattern(4, 2, 1));
}

TEST_CASE("a link that leads to the disk that came back is told") {
    const ScratchFolder folder;
    const std::string link = folder.path() + "/disk";
    ScsiScene scene(link);
    scene.disk.pull_out();
    CHECK(says(*scene.target, "e1.1: Its path names no device any more."));
    scene.disk.put_back();
    scene.point(link + ".new");
    std::filesystem::rename(link + ".new", link);
    CHECK(says(*scene.target, "e1.1: Its path names another device now."));
    scene.end_with(1); // the last flush has failed
    scene.start();
    CHECK(scene.client.read(4, 2) == pattern(4, 2, 1));
}

TEST_CASE("a disk that came back under another name is taken over through a link that follows it") {
    const ScratchFolder folder;
    const std::string link = folder.path() + "/disk";
    ScsiScene scene(link);
    RawClient& client = scene.client;
    for (int round = 0; round < 3; ++round) {
        CAPTURE(round);
        scene.disk.pull_out();
        std::filesystem::remove(link);
        CHECK(is_fault(client.ask(read_request(4, 2))));
        CHECK(is_fault(client.ask(write_request(4, pattern(4, 2, 9)))));
        scene.disk.put_back();
        scene.point(link);
        CHECK(client.wait_until([&] { return client.ask(read_request(4, 2)).succeeded(); }, slow_patience));
        CHECK(client.read(4, 2) == pattern(4, 2, 1));
        client.write(8, pattern(8, 2, 2));
    }
    CHECK(says(*scene.target, "e1.1: Its disk is back: " + link + " names it again"));
    CHECK_FALSE(contains(scene.target->log(), "flush")); // what was answered was stable
    scene.end_with(0);
}

TEST_CASE("a bad sector is named") {
    ScsiScene scene;
    constexpr std::uint64_t bad = 0x1234; // where scsi_debug has its bad sectors
    write_attribute("/sys/bus/pseudo/drivers/scsi_debug/opts", "2");
    const Reply reply = scene.client.ask(read_request(bad - 1, 2));
    write_attribute("/sys/bus/pseudo/drivers/scsi_debug/opts", "0");
    CHECK(reply.ata_error() == error_uncorrectable);
}

TEST_CASE("a disk that does not answer for a while carries out requests again") {
    ScsiScene scene;
    RawClient& client = scene.client;
    scene.disk.set_state("offline");
    const Reply read = client.ask(read_request(4, 2));
    CHECK(read.status() != status_good);
    CHECK(read.ata_error() != error_id_not_found);
    CHECK(says(*scene.target, "e1.1: A read of 2 sectors from sector 4 failed"));
    scene.disk.set_state("running");
    CHECK(client.read(4, 2) == pattern(4, 2, 1));
    CHECK(says(*scene.target, "e1.1: It carries out requests again."));
}
