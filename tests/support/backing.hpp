// The backing of exports in tests: image files on a real disk, loop devices, a 4096-byte-block device, a full
// disk.
#pragma once

#include "wire.hpp"

#include <cstdint>
#include <string>

namespace aoetest {

// A file that is gone with the object. On a real disk file system, because O_DIRECT is the default of an
// export.
class ImageFile {
  public:
    enum class Fill { pattern, sparse };

    explicit ImageFile(std::uint64_t sectors, Fill fill = Fill::pattern, const std::string& folder = {});
    ~ImageFile();
    ImageFile(const ImageFile&) = delete;
    ImageFile& operator=(const ImageFile&) = delete;

    const std::string& path() const { return path_; }
    std::uint64_t sectors() const { return sectors_; }
    Bytes read(std::uint64_t lba, std::size_t sectors) const;
    void write(std::uint64_t lba, const Bytes& data) const;
    void resize_bytes(std::uint64_t bytes) const;
    std::uint64_t size_bytes() const;
    std::uint64_t allocated_bytes() const;

  private:
    std::string path_;
    std::uint64_t sectors_;
};

// A loop device over a file; needs real root.
class LoopDevice {
  public:
    // `block_bytes`: of a logical block.
    explicit LoopDevice(const std::string& file, unsigned block_bytes = 512);
    ~LoopDevice();
    LoopDevice(const LoopDevice&) = delete;
    LoopDevice& operator=(const LoopDevice&) = delete;

    const std::string& path() const { return path_; }
    // The size of the file is another.
    void follow_size() const;

  private:
    std::string path_;
    int fd_ = -1;
};

// Gives a block device that has none a world wide name, as far as sysfs tells it, in a mount namespace of the
// tests' own; needs real root.
class WorldWideName {
  public:
    WorldWideName(const std::string& device, const std::string& name);
    ~WorldWideName();
    WorldWideName(const WorldWideName&) = delete;
    WorldWideName& operator=(const WorldWideName&) = delete;

  private:
    std::string folder_;
};

// A device with 4096-byte logical blocks; needs real root and the zram module.
class ZramDevice {
  public:
    static bool is_available();

    explicit ZramDevice(std::uint64_t bytes);
    ~ZramDevice();
    ZramDevice(const ZramDevice&) = delete;
    ZramDevice& operator=(const ZramDevice&) = delete;

    const std::string& path() const { return path_; }

    // From now on the device has this much memory in all, and fails writes that need more.
    void limit_memory(std::uint64_t bytes) const;

  private:
    int number_ = -1;
    std::string path_;
};

// A folder of the test's own, gone with all that is in it at the end.
class ScratchFolder {
  public:
    ScratchFolder();
    ~ScratchFolder();
    ScratchFolder(const ScratchFolder&) = delete;
    ScratchFolder& operator=(const ScratchFolder&) = delete;

    const std::string& path() const { return path_; }
    // Makes a file, and the folders above it. Returns its path.
    std::string write(const std::string& name, const std::string& text) const;

  private:
    std::string path_;
};

// A file system of a given size, in a mount namespace of the tests' own; needs real root.
class SmallFileSystem {
  public:
    explicit SmallFileSystem(std::uint64_t bytes);
    ~SmallFileSystem();
    SmallFileSystem(const SmallFileSystem&) = delete;
    SmallFileSystem& operator=(const SmallFileSystem&) = delete;

    const std::string& folder() const { return folder_; }

  private:
    std::string folder_;
};

// The sectors of a file or device as they are on it, past the page cache where it can be passed.
Bytes read_backing(const std::string& path, std::uint64_t lba, std::size_t sectors);

// Writes the standard pattern over the first `sectors`.
void fill_with_pattern(const std::string& path, std::uint64_t sectors);

} // namespace aoetest
