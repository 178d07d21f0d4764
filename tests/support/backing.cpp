#include "backing.hpp"

#include "check.hpp"
#include "test_network.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>

#include <fcntl.h>
#include <linux/loop.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

namespace aoetest {

namespace {

[[noreturn]] void fail_system(const std::string& what) {
    abort_test(what + ": " + std::strerror(errno));
}

class FileDescriptor {
  public:
    FileDescriptor(const std::string& path, int flags) : fd_(::open(path.c_str(), flags | O_CLOEXEC)) {
        if (fd_ < 0)
            fail_system("open " + path);
    }
    ~FileDescriptor() { ::close(fd_); }
    FileDescriptor(const FileDescriptor&) = delete;
    FileDescriptor& operator=(const FileDescriptor&) = delete;
    int get() const { return fd_; }

  private:
    int fd_;
};

void write_at(const std::string& path, std::uint64_t offset, const Bytes& data) {
    const FileDescriptor file(path, O_WRONLY);
    std::size_t done = 0;
    while (done < data.size()) {
        const ssize_t put =
            ::pwrite(file.get(), data.data() + done, data.size() - done, static_cast<off_t>(offset + done));
        if (put <= 0)
            fail_system("write " + path);
        done += static_cast<std::size_t>(put);
    }
    if (::fsync(file.get()) != 0)
        fail_system("fsync " + path);
}

std::string image_folder() {
    const char* chosen = std::getenv("AOETEST_IMAGES"); // a folder on a file system that takes O_DIRECT
    return chosen != nullptr ? chosen : "/var/tmp";
}

std::string read_line(const std::string& path) {
    std::ifstream file(path);
    std::string line;
    std::getline(file, line);
    return line;
}

void write_line(const std::string& path, const std::string& text) {
    std::ofstream file(path);
    file << text << std::flush;
    if (!file)
        abort_test("cannot write `" + text + "` to " + path);
}

/// A stream that could not write tries once more when it is closed, and does not tell whether that worked.
bool write_once(const std::string& path, const std::string& text) {
    const int file = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
    const bool is_written =
        file >= 0 && ::write(file, text.data(), text.size()) == static_cast<ssize_t>(text.size());
    ::close(file);
    return is_written;
}

constexpr const char* zram_control = "/sys/class/zram-control/";

void enter_mount_namespace() {
    static const bool done = [] {
        if (::unshare(CLONE_NEWNS) != 0)
            fail_system("unshare(CLONE_NEWNS)");
        if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0)
            fail_system("make mounts private");
        return true;
    }();
    static_cast<void>(done);
}

} // namespace

ImageFile::ImageFile(std::uint64_t sectors, Fill fill, const std::string& folder) : sectors_(sectors) {
    path_ = (folder.empty() ? image_folder() : folder) + "/aoetest-XXXXXX";
    const int fd = ::mkostemp(path_.data(), O_CLOEXEC);
    if (fd < 0)
        fail_system("create " + path_);
    ::close(fd);
    resize_bytes(sectors * sector_bytes);
    if (fill == Fill::pattern)
        fill_with_pattern(path_, sectors);
}

ImageFile::~ImageFile() {
    ::unlink(path_.c_str());
}

Bytes ImageFile::read(std::uint64_t lba, std::size_t sectors) const {
    return read_backing(path_, lba, sectors);
}

void ImageFile::write(std::uint64_t lba, const Bytes& data) const {
    write_at(path_, lba * sector_bytes, data);
}

void ImageFile::resize_bytes(std::uint64_t bytes) const {
    if (::truncate(path_.c_str(), static_cast<off_t>(bytes)) != 0)
        fail_system("resize " + path_);
}

std::uint64_t ImageFile::size_bytes() const {
    struct stat info {};
    if (::stat(path_.c_str(), &info) != 0)
        fail_system("stat " + path_);
    return static_cast<std::uint64_t>(info.st_size);
}

std::uint64_t ImageFile::allocated_bytes() const {
    struct stat info {};
    if (::stat(path_.c_str(), &info) != 0)
        fail_system("stat " + path_);
    return static_cast<std::uint64_t>(info.st_blocks) * 512;
}

LoopDevice::LoopDevice(const std::string& file, unsigned block_bytes) {
    const FileDescriptor backing(file, O_RDWR);
    for (int attempt = 0; attempt < 20; ++attempt) {
        int number = 0;
        {
            const FileDescriptor control("/dev/loop-control", O_RDWR);
            number = ::ioctl(control.get(), LOOP_CTL_GET_FREE);
        }
        if (number < 0)
            fail_system("LOOP_CTL_GET_FREE");
        path_ = "/dev/loop" + std::to_string(number);
        fd_ = ::open(path_.c_str(), O_RDWR | O_CLOEXEC);
        if (fd_ < 0)
            fail_system("open " + path_);
        loop_config config{};
        config.fd = static_cast<std::uint32_t>(backing.get());
        config.block_size = block_bytes;
        config.info.lo_flags = LO_FLAGS_AUTOCLEAR;
        if (::ioctl(fd_, LOOP_CONFIGURE, &config) == 0)
            return;
        const int error = errno;
        ::close(fd_);
        errno = error;
        if (error != EBUSY) // another test program took the same number first
            break;
    }
    fail_system("configure " + path_);
}

// The kernel takes it apart when the last user closes it.
void LoopDevice::follow_size() const {
    if (::ioctl(fd_, LOOP_SET_CAPACITY, 0) != 0)
        fail_system("resize " + path_);
}

LoopDevice::~LoopDevice() {
    ::close(fd_);
}

WorldWideName::WorldWideName(const std::string& device, const std::string& name)
    : folder_(std::filesystem::canonical("/sys/class/block" + device.substr(device.rfind('/'))).string()) {
    enter_mount_namespace();
    const std::string block_bytes = read_line(folder_ + "/queue/logical_block_size");
    const std::string zeroes_bytes = read_line(folder_ + "/queue/write_zeroes_max_bytes");
    if (::mount("tmpfs", folder_.c_str(), "tmpfs", 0, "size=64k") != 0)
        fail_system("mount " + folder_);
    std::filesystem::create_directory(folder_ + "/queue");
    write_line(folder_ + "/queue/logical_block_size", block_bytes);
    write_line(folder_ + "/queue/write_zeroes_max_bytes", zeroes_bytes);
    write_line(folder_ + "/wwid", name);
}

WorldWideName::~WorldWideName() {
    ::umount2(folder_.c_str(), MNT_DETACH);
}

bool ZramDevice::is_available() {
    return has_real_root() && ::access((std::string(zram_control) + "hot_add").c_str(), R_OK) == 0;
}

ZramDevice::ZramDevice(std::uint64_t bytes) {
    number_ = std::atoi(read_line(std::string(zram_control) + "hot_add").c_str());
    const std::string folder = "/sys/block/zram" + std::to_string(number_);
    write_line(folder + "/disksize", std::to_string(bytes));
    // A device node of its own: another program may have left a plain file under the usual name.
    unsigned major = 0;
    unsigned minor = 0;
    if (std::sscanf(read_line(folder + "/dev").c_str(), "%u:%u", &major, &minor) != 2)
        abort_test("cannot read " + folder + "/dev");
    path_ = "/dev/aoetest-zram" + std::to_string(number_);
    ::unlink(path_.c_str());
    if (::mknod(path_.c_str(), S_IFBLK | S_IRUSR | S_IWUSR, makedev(major, minor)) != 0)
        fail_system("mknod " + path_);
}

ZramDevice::~ZramDevice() {
    ::unlink(path_.c_str());
    const std::string number = std::to_string(number_);
    // The last closer may still be on its way out.
    for (int attempt = 0; attempt < 2000; ++attempt) {
        write_once("/sys/block/zram" + number + "/reset", "1");
        if (write_once(std::string(zram_control) + "hot_remove", number))
            return;
        ::usleep(10000);
    }
    report_failure("cannot remove " + path_);
}

void ZramDevice::limit_memory(std::uint64_t bytes) const {
    write_line("/sys/block/zram" + std::to_string(number_) + "/mem_limit", std::to_string(bytes));
}

ScratchFolder::ScratchFolder()
    : path_((std::filesystem::temp_directory_path() / "aoetarget.XXXXXX").string()) {
    if (::mkdtemp(path_.data()) == nullptr)
        abort_test("cannot make a scratch folder");
}

ScratchFolder::~ScratchFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
}

std::string ScratchFolder::write(const std::string& name, const std::string& text) const {
    const std::filesystem::path file = std::filesystem::path(path_) / name;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file) << text;
    return file.string();
}

SmallFileSystem::SmallFileSystem(std::uint64_t bytes) {
    enter_mount_namespace();
    folder_ = image_folder() + "/aoetest-mount-XXXXXX";
    if (::mkdtemp(folder_.data()) == nullptr)
        fail_system("create " + folder_);
    const std::string options = "size=" + std::to_string(bytes);
    if (::mount("tmpfs", folder_.c_str(), "tmpfs", 0, options.c_str()) != 0)
        fail_system("mount " + folder_);
}

SmallFileSystem::~SmallFileSystem() {
    ::umount2(folder_.c_str(), MNT_DETACH);
    ::rmdir(folder_.c_str());
}

Bytes read_backing(const std::string& path, std::uint64_t lba, std::size_t sectors) {
    constexpr std::uint64_t block = 4096; // covers every alignment that O_DIRECT asks for here
    const std::uint64_t first = lba * sector_bytes / block * block;
    const std::uint64_t last = ((lba + sectors) * sector_bytes + block - 1) / block * block;
    void* memory = nullptr;
    if (::posix_memalign(&memory, block, last - first) != 0)
        abort_test("out of memory");
    auto* buffer = static_cast<std::uint8_t*>(memory);
    int fd = ::open(path.c_str(), O_RDONLY | O_DIRECT | O_CLOEXEC);
    if (fd < 0)
        fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        fail_system("open " + path);
    std::uint64_t done = 0;
    while (done < last - first) {
        const ssize_t got = ::pread(fd, buffer + done, last - first - done, static_cast<off_t>(first + done));
        if (got <= 0)
            break;
        done += static_cast<std::uint64_t>(got);
    }
    ::close(fd);
    const std::uint64_t skip = lba * sector_bytes - first;
    Bytes data;
    if (done >= skip)
        data.assign(buffer + skip, buffer + std::min(done, skip + sectors * sector_bytes));
    std::free(memory);
    return data;
}

void fill_with_pattern(const std::string& path, std::uint64_t sectors) {
    constexpr std::uint64_t step = 2048;
    for (std::uint64_t lba = 0; lba < sectors; lba += step)
        write_at(path, lba * sector_bytes,
                 pattern(lba, static_cast<std::size_t>(std::min(step, sectors - lba))));
}

} // namespace aoetest
