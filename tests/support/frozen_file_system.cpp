#include "frozen_file_system.hpp"

#include "check.hpp"
#include "child_process.hpp"
#include "test_network.hpp"

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>

#include <fcntl.h>
#include <linux/fs.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

namespace aoetest {

namespace {

constexpr Milliseconds longest_freeze{60000};

[[noreturn]] void fail_system(const std::string& what) {
    abort_test(what + ": " + std::strerror(errno));
}

int open_folder(const std::string& path) {
    const int fd = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        fail_system("open " + path);
    return fd;
}

void close_all_but(int one, int other) {
    const unsigned low = static_cast<unsigned>(one < other ? one : other);
    const unsigned high = static_cast<unsigned>(one < other ? other : one);
    if (low > 0)
        ::syscall(SYS_close_range, 0U, low - 1, 0U);
    if (high > low + 1)
        ::syscall(SYS_close_range, low + 1, high - 1, 0U);
    ::syscall(SYS_close_range, high + 1, ~0U, 0U);
}

// In the child: a session of its own, because whoever ends a test that hangs ends its process group. It keeps
// nothing of the test open, such as the pipe of a test runner or the life lines of other guards.
[[noreturn]] void stand_guard(int folder, int life_line) {
    ::setsid();
    for (const int number : {SIGTERM, SIGINT, SIGHUP})
        ::signal(number, SIG_IGN);
    close_all_but(folder, life_line);
    const char ready = 1;
    if (::write(life_line, &ready, 1) != 1)
        ::_exit(1);
    pollfd end{life_line, POLLIN, 0};
    ::poll(&end, 1, static_cast<int>(longest_freeze.count()));
    ::ioctl(folder, FITHAW, 0);
    ::_exit(0);
}

} // namespace

bool MemoryFileSystem::is_available() {
    return has_real_root() && !find_program("mkfs.ext4").empty();
}

MemoryFileSystem::MemoryFileSystem(std::uint64_t bytes, unsigned block_bytes)
    : medium_(bytes + (1 << 20)), file_(bytes / sector_bytes, ImageFile::Fill::sparse, medium_.folder()),
      device_(file_.path(), block_bytes), folder_(medium_.folder() + "/ext4") {
    const ToolResult made = run_tool({find_program("mkfs.ext4"), "-q", "-F", device_.path()});
    if (made.exit_code != 0)
        abort_test("mkfs.ext4: " + made.error);
    if (::mkdir(folder_.c_str(), 0700) != 0)
        fail_system("create " + folder_);
    if (::mount(device_.path().c_str(), folder_.c_str(), "ext4", MS_NOATIME, nullptr) != 0)
        fail_system("mount " + folder_);
}

MemoryFileSystem::~MemoryFileSystem() {
    ::umount2(folder_.c_str(), MNT_DETACH);
}

// The kernel freezes no file system twice.
bool MemoryFileSystem::is_frozen() const {
    const int fd = open_folder(folder_);
    const bool was_frozen = ::ioctl(fd, FIFREEZE, 0) != 0 && errno == EBUSY;
    if (!was_frozen)
        ::ioctl(fd, FITHAW, 0);
    ::close(fd);
    return was_frozen;
}

Freeze::Freeze(const MemoryFileSystem& file_system) : folder_fd_(open_folder(file_system.folder())) {
    int life_line[2];
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, life_line) != 0)
        fail_system("socketpair");
    life_line_ = life_line[0];
    guard_ = ::fork();
    if (guard_ == 0)
        stand_guard(folder_fd_, life_line[1]);
    ::close(life_line[1]);
    if (guard_ < 0)
        fail_system("fork");
    char ready = 0;
    if (::read(life_line_, &ready, 1) != 1)
        abort_test("the guard of the freeze has not started");
    if (::ioctl(folder_fd_, FIFREEZE, 0) != 0) {
        const int error = errno;
        thaw();
        errno = error;
        fail_system("freeze " + file_system.folder());
    }
}

void Freeze::thaw() {
    if (folder_fd_ < 0)
        return;
    ::ioctl(folder_fd_, FITHAW, 0);
    ::close(folder_fd_);
    ::close(life_line_);
    folder_fd_ = life_line_ = -1;
    ::waitpid(guard_, nullptr, 0);
}

} // namespace aoetest
