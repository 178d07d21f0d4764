// The refusal of a disk that is in use: who holds it, and the command that frees it.
#include "file_disk.hpp"
#include "storage/holder.hpp"
#include "support/backing.hpp"
#include "support/catch.hpp"
#include "support/child_process.hpp"

#include <cerrno>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <functional>
#include <system_error>

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/swap.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

using aoetarget::open_file;
using aoetarget::storage::find_holder;
using aoetarget::storage::find_lock_holder;
using aoetarget::storage::KernelFolders;
using namespace aoetest;

namespace {

std::string refusal(const std::string& path, const aoetarget::FileOptions& options = {}) {
    try {
        open_file(path, options);
    } catch (const std::system_error& error) {
        return error.what();
    }
    return "";
}

/// A tree like those in /sys and /proc.
class MadeUpKernel {
  public:
    static constexpr unsigned disk_major = 250; ///< Of a device that this machine does not have.

    MadeUpKernel() { add("dev/block/250:0", {{"dev", "250:0"}}); }

    /// Adds a device with its attributes. `folder` is the part of the path below /sys.
    void add(const std::string& folder, const std::vector<std::pair<std::string, std::string>>& attributes) {
        for (const auto& [name, text] : attributes)
            write("sys/" + folder + "/" + name, text);
    }
    void write(const std::string& file, const std::string& text) {
        const std::filesystem::path path = scratch_.path() + "/" + file;
        std::filesystem::create_directories(path.parent_path());
        std::ofstream(path) << text << "\n";
    }
    void link(const std::string& name, const std::string& to) {
        std::filesystem::create_symlink(to, scratch_.path() + "/sys/" + name);
    }
    void mount(const std::string& number, const std::string& escaped_point) {
        mounts_ += "36 35 " + number + " / " + escaped_point + " rw,noatime shared:1 - ext4 /dev/none rw\n";
        write("proc/self/mountinfo", mounts_);
    }

    [[nodiscard]] std::string holder(unsigned minor = 0) const {
        struct stat disk {};
        disk.st_mode = S_IFBLK;
        disk.st_rdev = makedev(disk_major, minor);
        return find_holder(disk, folders());
    }
    /// Adds a process that has a lock on the whole of a file, given as the kernel shows it: "fe:00:12".
    void lock(const std::string& process, const std::string& inode) {
        write("proc/" + process + "/comm", "one");
        write("proc/" + process + "/fdinfo/3",
              "pos:\t0\nlock:\t1: OFDLCK ADVISORY  WRITE -1 " + inode + " 0 EOF");
    }
    [[nodiscard]] std::string lock_holder(dev_t device, ino_t inode) const {
        struct stat file {};
        file.st_dev = device;
        file.st_ino = inode;
        struct flock lock {};
        lock.l_pid = -1;
        return find_lock_holder(file, lock, folders());
    }

  private:
    [[nodiscard]] KernelFolders folders() const {
        return {scratch_.path() + "/sys", scratch_.path() + "/proc"};
    }

    ScratchFolder scratch_;
    std::string mounts_;
};

/// A process that has done something, until the end of the test.
class OtherProcess {
  public:
    explicit OtherProcess(const std::function<bool()>& work) {
        int ready[2];
        REQUIRE(pipe(ready) == 0);
        pid_ = fork();
        if (pid_ == 0) {
            const char done = work() ? 1 : 0;
            static_cast<void>(!::write(ready[1], &done, 1));
            pause();
            _exit(0);
        }
        close(ready[1]);
        char done = 0;
        REQUIRE(read(ready[0], &done, 1) == 1);
        close(ready[0]);
        REQUIRE(done == 1);
    }
    ~OtherProcess() {
        kill(pid_, SIGKILL);
        waitpid(pid_, nullptr, 0);
    }
    OtherProcess(const OtherProcess&) = delete;
    OtherProcess& operator=(const OtherProcess&) = delete;

    [[nodiscard]] std::string name() const { return "process " + std::to_string(pid_) + " (unit-storage)"; }
    [[nodiscard]] std::string id() const { return std::to_string(pid_); }

  private:
    pid_t pid_ = -1;
};

} // namespace

TEST_CASE("the holder of a disk is named with the command that frees it") {
    MadeUpKernel kernel;
    const std::string holders = "dev/block/250:0/holders/";
    SECTION("nobody") {
        CHECK(kernel.holder().empty());
    }
    SECTION("md") {
        kernel.add(holders + "md127", {{"dev", "9:127"}});
        CHECK(kernel.holder() == "md127 is assembled over it; free it with 'mdadm --stop /dev/md127'");
    }
    SECTION("LVM, whose names double their hyphens") {
        kernel.add(holders + "dm-0",
                   {{"dev", "253:0"}, {"dm/name", "my--group-my--volume"}, {"dm/uuid", "LVM-x"}});
        CHECK(kernel.holder() == "the LVM volume my--group-my--volume (dm-0) lies over it; free it with "
                                 "'vgchange -an my-group'");
    }
    SECTION("two volumes of one group, which one command frees") {
        kernel.add(holders + "dm-0", {{"dev", "253:0"}, {"dm/name", "group-a"}, {"dm/uuid", "LVM-x"}});
        kernel.add(holders + "dm-1", {{"dev", "253:1"}, {"dm/name", "group-b"}, {"dm/uuid", "LVM-y"}});
        CHECK(kernel.holder() == "the LVM volume group-b (dm-1) lies over it, the LVM volume group-a (dm-0) "
                                 "lies over it; free it with 'vgchange -an group'");
    }
    SECTION("encryption") {
        kernel.add(holders + "dm-3",
                   {{"dev", "253:3"}, {"dm/name", "safe"}, {"dm/uuid", "CRYPT-LUKS2-x-safe"}});
        CHECK(kernel.holder() ==
              "the encrypted device safe (dm-3) lies over it; free it with 'cryptsetup close safe'");
    }
    SECTION("device mapper") {
        kernel.add(holders + "dm-7", {{"dev", "253:7"}, {"dm/name", "linear0"}});
        CHECK(kernel.holder() ==
              "the device-mapper device linear0 (dm-7) lies over it; free it with 'dmsetup "
              "remove linear0'");
    }
    SECTION("bcache") {
        kernel.add(holders + "bcache0", {{"dev", "252:0"}});
        CHECK(kernel.holder() ==
              "bcache0 lies over it; free it with 'echo 1 > /sys/block/bcache0/bcache/stop'");
    }
    SECTION("a mount, with a space in its path") {
        kernel.mount("250:0", "/srv/my\\040disk");
        CHECK(kernel.holder() == "it is mounted on /srv/my disk; free it with 'umount /srv/my\\ disk'");
    }
    SECTION("many mounts") {
        kernel.mount("250:0", "/a");
        kernel.mount("250:0", "/b");
        CHECK(kernel.holder() == "it is mounted on /a and in 1 other places; free it with 'umount "
                                 "--all-targets /a'");
    }
    SECTION("a mount of a partition") {
        kernel.add("dev/block/250:0/sdz1", {{"dev", "250:1"}, {"partition", "1"}});
        kernel.mount("250:1", "/home");
        CHECK(kernel.holder() == "sdz1 is mounted on /home; free it with 'umount /home'");
    }
    SECTION("the disk of a partition") {
        kernel.add("block/sdz/holders/md1", {{"dev", "9:1"}});
        kernel.add("block/sdz/sdz1", {{"dev", "250:1"}, {"partition", "1"}});
        kernel.add("block/sdz/sdz2", {{"dev", "250:2"}, {"partition", "2"}});
        kernel.link("dev/block/250:1", "../../block/sdz/sdz1");
        kernel.mount("250:2", "/home"); // is no hindrance
        CHECK(kernel.holder(1) == "md1 is assembled over its disk; free it with 'mdadm --stop /dev/md1'");
    }
    SECTION("a chain: the outermost is freed first") {
        kernel.add(holders + "md1", {{"dev", "9:1"}});
        kernel.add(holders + "md1/holders/dm-0",
                   {{"dev", "253:0"}, {"dm/name", "vg-root"}, {"dm/uuid", "LVM-x"}});
        kernel.mount("253:0", "/mnt");
        CHECK(kernel.holder() ==
              "md1 is assembled over it, the LVM volume vg-root (dm-0) lies over md1, dm-0 is "
              "mounted on /mnt; free it with 'umount /mnt && vgchange -an vg && mdadm --stop "
              "/dev/md1'");
    }
}

TEST_CASE(
    "a mounted disk is refused with the command that unmounts it, and without the advice to use force") {
    if (!is_real_root())
        SKIP_BECAUSE("mounts need root");
    const ImageFile below(16384, ImageFile::Fill::sparse);
    const LoopDevice loop(below.path());
    const SmallFileSystem outer(1U << 20);
    REQUIRE(run_tool({find_program("mkfs.ext4"), "-q", loop.path()}).exit_code == 0);
    REQUIRE(mount(loop.path().c_str(), outer.folder().c_str(), "ext4", 0, nullptr) == 0);
    const std::string text = refusal(loop.path());
    CHECK(umount(outer.folder().c_str()) == 0);
    CHECK(contains(text, "it is mounted on " + outer.folder()));
    CHECK(contains(text, "'umount " + outer.folder() + "'"));
    CHECK_FALSE(contains(text, "force"));
    CHECK(refusal(loop.path()).empty());
}

TEST_CASE("a disk that is in use as swap is refused with the command that ends this") {
    if (!is_real_root())
        SKIP_BECAUSE("swap needs root");
    const ImageFile below(16384, ImageFile::Fill::pattern);
    const LoopDevice loop(below.path());
    REQUIRE(run_tool({find_program("mkswap"), loop.path()}).exit_code == 0);
    if (swapon(loop.path().c_str(), 0) != 0)
        SKIP_BECAUSE("this kernel has no swap");
    const std::string text = refusal(loop.path());
    CHECK(swapoff(loop.path().c_str()) == 0);
    CHECK(contains(text, "it is in use as swap; free it with 'swapoff " + loop.path() + "'"));
}

TEST_CASE("a disk that another process has is refused with the process's number and name") {
    if (!is_real_root())
        SKIP_BECAUSE("loop devices need root");
    const ImageFile below(256);
    const LoopDevice loop(below.path());
    const OtherProcess other([&] { return open(loop.path().c_str(), O_RDONLY | O_EXCL | O_CLOEXEC) >= 0; });
    CHECK(contains(refusal(loop.path()),
                   other.name() + " has it open; free it with 'kill " + other.id() + "'"));
}

TEST_CASE("where several processes have a disk open, none is named as one to kill") {
    if (!is_real_root())
        SKIP_BECAUSE("loop devices need root");
    const ImageFile below(256);
    const LoopDevice loop(below.path());
    const auto opens = [&](int flags) {
        return open(loop.path().c_str(), O_RDONLY | O_CLOEXEC | flags) >= 0;
    };
    const OtherProcess holder([&] { return opens(O_EXCL); });
    const OtherProcess reader([&] { return opens(0); });
    const std::string text = refusal(loop.path());
    CHECK(contains(text, holder.name() + " has it open"));
    CHECK(contains(text, reader.name() + " has it open"));
    CHECK(contains(text, "one of these processes has the exclusive use"));
    CHECK_FALSE(contains(text, "'kill"));
}

TEST_CASE("a file that another process has locked is refused with the process's number and name") {
    const ImageFile image(256);
    const bool of_open_file = GENERATE(true, false);
    const OtherProcess other([&] {
        struct flock lock {};
        lock.l_type = F_WRLCK;
        lock.l_start = 4096;
        lock.l_len = 4096;
        return fcntl(open(image.path().c_str(), O_RDWR | O_CLOEXEC), of_open_file ? F_OFD_SETLK : F_SETLK,
                     &lock) == 0;
    });
    CHECK(
        contains(refusal(image.path()), "this part of it is in use by " + other.name() + "; stop that one"));
    aoetarget::FileOptions window;
    window.length_bytes = 4096;
    CHECK(refusal(image.path(), window).empty());
}

TEST_CASE("the process named has locked this file, and not one with the same number on another disk") {
    MadeUpKernel kernel;
    kernel.lock("11", "fe:01:12");
    kernel.lock("22", "fe:00:12");
    CHECK(kernel.lock_holder(makedev(0xFE, 0), 12) == "process 22 (one)");
    CHECK(kernel.lock_holder(makedev(0xFE, 1), 12) == "process 11 (one)");
    CHECK(kernel.lock_holder(makedev(0xFE, 2), 12).empty());
    kernel.lock("33", "00:1f:12");
    CHECK(kernel.lock_holder(makedev(0, 0x1F), 12) == "process 33 (one)");
    CHECK_FALSE(kernel.lock_holder(makedev(0, 0x20), 12).empty()); // btrfs
}

TEST_CASE("a note tells of a loop device over an exported file") {
    if (!is_real_root())
        SKIP_BECAUSE("loop devices need root");
    const ImageFile image(256);
    CHECK(open_file(image.path())->notes().empty());
    const LoopDevice loop(image.path());
    const auto device = open_file(image.path());
    REQUIRE(device->notes().size() == 1);
    CHECK(contains(device->notes()[0], "'losetup -d " + loop.path() + "'"));
}

TEST_CASE("before a loop device is taken away, what uses it has to end") {
    if (!is_real_root())
        SKIP_BECAUSE("loop devices need root");
    const ImageFile image(16384, ImageFile::Fill::pattern);
    const LoopDevice loop(image.path());
    REQUIRE(run_tool({find_program("mkswap"), loop.path()}).exit_code == 0);
    if (swapon(loop.path().c_str(), 0) != 0)
        SKIP_BECAUSE("this kernel has no swap");
    const std::string note = open_file(image.path())->notes().at(0);
    CHECK(swapoff(loop.path().c_str()) == 0);
    CHECK(contains(note, "'swapoff " + loop.path() + " && losetup -d " + loop.path() + "'"));
}
