// Reads, checks and saves a state, step by step.
#include "storage/state_directory.hpp"

#include "storage/state_file.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <cstdio>
#include <string_view>
#include <system_error>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace aoetarget::storage {
namespace {

// This is longer than any state, so that reading a foreign file stops there.
constexpr std::size_t max_file_bytes = 64 * 1024;

[[noreturn]] void fail(int error, const std::string& what) {
    throw std::system_error(error, std::generic_category(), what);
}

[[noreturn]] void fail_to_read(int error, const std::string& file, std::string_view why) {
    fail(error,
         fmt::format("{}: cannot read the state of an export, without which hosts that were shut out could "
                     "come in again{}{}",
                     file, why.empty() ? "" : ": ", why));
}

/// Refuses a file that another user put there, or can change under another name, because others may be
/// allowed to write into the directory.
void check_is_ours(const std::string& file, const struct stat& status, const struct stat& directory) {
    if (!S_ISREG(status.st_mode))
        fail_to_read(EINVAL, file, "it is not a regular file; remove it to begin anew, or put a copy there");
    if (status.st_nlink != 1)
        fail_to_read(EINVAL, file, "it has another name too (a hard link); put a copy in its place");
    if (status.st_uid != 0 && status.st_uid != geteuid() && status.st_uid != directory.st_uid)
        fail_to_read(EPERM, file, "another user owns it; 'chown' it to the user who runs this, or remove it");
}

/// Returns nothing if there is no such file.
std::optional<std::string> read_file(int directory, const std::string& name, const std::string& path) {
    const std::string file_path = fmt::format("{}/{}", path, name);
    struct stat of_directory {};
    struct stat status {};
    if (fstat(directory, &of_directory) < 0)
        fail_to_read(errno, file_path, "");
    if (fstatat(directory, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) < 0) {
        if (errno == ENOENT)
            return std::nullopt;
        fail_to_read(errno, file_path, "");
    }
    check_is_ours(file_path, status, of_directory); // first, because to open a device may have effects
    const ring::FileDescriptor file(
        openat(directory, name.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
    if (!file.valid() || fstat(file.get(), &status) < 0)
        fail_to_read(errno, file_path, "");
    check_is_ours(file_path, status, of_directory);
    std::string text(max_file_bytes, '\0');
    const ssize_t bytes = read(file.get(), text.data(), text.size());
    if (bytes < 0)
        fail_to_read(errno, file_path, "");
    text.resize(static_cast<std::size_t>(bytes));
    return text;
}

/// Removes the file that a power cut left of a save. It may belong to another user.
void remove_left_over(int directory, const std::string& name, const std::string& path) {
    if (unlinkat(directory, name.c_str(), 0) < 0 && errno != ENOENT)
        fail(errno, fmt::format("{}/{}: it is in the way of saving the state of an export and cannot be "
                                "removed; remove it",
                                path, name));
}

/// Returns its new name, which no file had.
std::string set_aside(int directory, const std::string& name, const std::string& path) {
    std::string aside = name + ".damaged";
    struct stat status {};
    for (unsigned i = 2; fstatat(directory, aside.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0; ++i)
        aside = fmt::format("{}.damaged-{}", name, i);
    if (renameat(directory, name.c_str(), directory, aside.c_str()) < 0)
        fail(errno, fmt::format("{}/{}: it is damaged and cannot be set aside; remove it", path, name));
    return aside;
}

/// Makes sure that a power cut does not take a new directory with all its files.
void sync_parent(const std::string& path) {
    const ring::FileDescriptor parent(open((path + "/..").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!parent.valid() || fsync(parent.get()) < 0)
        fail(errno, fmt::format("{}: cannot sync the new directory to the disk", path));
}

} // namespace

/// Saves the state of one export, step by step: a new file, synced, takes the place of the old one, and the
/// directory is synced. A file that already has the name of the new file is removed, and never written to.
class StateDirectory::Save final : private ring::RegisteredHandler {
  public:
    Save(ring::Ring& ring, int directory, std::string name)
        : RegisteredHandler(ring), directory_(directory), name_(std::move(name)), new_name_(name_ + ".new") {}

    void start(const core::ProtocolState& state, core::StateSaver& saver) {
        text_ = encode_state(state);
        saver_ = &saver;
        removed_left_over_ = false;
        next(Step::open);
    }

    [[nodiscard]] bool is_under_way() const { return !quiet(); }

  private:
    enum class Step : std::uint64_t { open, write, sync, close, rename, sync_directory, remove_left_over };

    void next(Step step) {
        submit(static_cast<std::uint64_t>(step), [&](io_uring_sqe* sqe) { prepare(step, sqe); });
    }

    void prepare(Step step, io_uring_sqe* sqe) const {
        switch (step) {
        case Step::open:
            io_uring_prep_openat(sqe, directory_, new_name_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
                                 S_IRUSR | S_IWUSR);
            break;
        case Step::remove_left_over:
            io_uring_prep_unlinkat(sqe, directory_, new_name_.c_str(), 0);
            break;
        case Step::write:
            io_uring_prep_write(sqe, -1, text_.data(), static_cast<unsigned>(text_.size()), 0);
            ring_file_.apply(sqe);
            ring::skip_queues(sqe); // because writes to exports that hang may wait there
            break;
        case Step::sync:
            io_uring_prep_fsync(sqe, file_, 0);
            break;
        case Step::close:
            io_uring_prep_close(sqe, file_);
            break;
        case Step::rename:
            io_uring_prep_renameat(sqe, directory_, new_name_.c_str(), directory_, name_.c_str(), 0);
            break;
        case Step::sync_directory:
            io_uring_prep_fsync(sqe, directory_, 0);
            break;
        }
    }

    void on_completion(std::uint64_t argument, int result, std::uint32_t) override {
        const auto step = static_cast<Step>(argument);
        if (step == Step::open && result == -EEXIST && !std::exchange(removed_left_over_, true))
            return next(Step::remove_left_over);
        if (step == Step::remove_left_over && (result >= 0 || result == -ENOENT))
            return next(Step::open);
        if (step == Step::open && result >= 0) {
            file_ = result;
            ring_file_ = ring_.register_file(file_);
        } else if (step == Step::write && result >= 0 && static_cast<std::size_t>(result) < text_.size()) {
            result = -ENOSPC;
        }
        if (step == Step::write)
            ring_.unregister_file(ring_file_);
        if (step == Step::close)
            file_ = -1;
        if (result < 0 && error_ == 0)
            error_ = -result;

        if (error_ != 0 && file_ >= 0)
            next(Step::close); // the old file stays in its place
        else if (error_ != 0 || step == Step::sync_directory)
            saver_->saved(std::exchange(error_, 0));
        else
            next(static_cast<Step>(argument + 1));
    }

    const int directory_;
    const std::string name_;
    const std::string new_name_;
    std::string text_;
    core::StateSaver* saver_ = nullptr;
    bool removed_left_over_ = false;
    int file_ = -1;
    ring::RingFile ring_file_; // while it is written to
    int error_ = 0;
};

StateDirectory::StateDirectory(ring::Ring& ring, std::string path) : path_(std::move(path)), ring_(ring) {
    for (const std::uint8_t operation :
         {IORING_OP_OPENAT, IORING_OP_UNLINKAT, IORING_OP_WRITE, IORING_OP_CLOSE, IORING_OP_RENAMEAT})
        ring_.allow(operation);
    if (mkdir(path_.c_str(), S_IRWXU) == 0)
        sync_parent(path_);
    else if (errno != EEXIST)
        fail(errno,
             fmt::format("{}: cannot make the directory for the state of exports; make it, or name another",
                         path_));
    directory_ = ring::FileDescriptor(open(path_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!directory_.valid())
        fail(errno, fmt::format("{}: cannot open the directory for the state of exports", path_));
    // A predecessor may have been killed after a new file took its place and before the directory was synced.
    if (fsync(directory_.get()) < 0)
        fail(errno, fmt::format("{}: cannot sync the state of exports in it to the disk", path_));
    if (faccessat(directory_.get(), ".", W_OK | X_OK, AT_EACCESS) < 0)
        fail(errno,
             fmt::format("{}: cannot write into the directory for the state of exports; give it to the user "
                         "who runs this, or name another",
                         path_));
}

StateDirectory::~StateDirectory() = default;

StateDirectory::Loaded StateDirectory::load(const Address& address) {
    const std::string name = to_string(address) + ".state";
    saves_[address] = std::make_unique<Save>(ring_, directory_.get(), name);
    remove_left_over(directory_.get(), name + ".new", path_);
    const auto text = read_file(directory_.get(), name, path_);
    if (!text)
        return {};
    if (const auto state = parse_state(*text))
        return {*state, {}};
    const std::string aside = set_aside(directory_.get(), name, path_);
    return {
        {},
        fmt::format(
            "{0}/{1} is damaged and is now {0}/{2}: config string, mask list and reservation of {3} start "
            "empty, so hosts that were shut out may come in",
            path_, name, aside, to_string(address))};
}

bool StateDirectory::is_saving(const Address& address) const {
    const auto found = saves_.find(address);
    return found != saves_.end() && found->second->is_under_way();
}

void StateDirectory::save(const Address& address, const core::ProtocolState& state, core::StateSaver& saver) {
    saves_.at(address)->start(state, saver);
}

} // namespace aoetarget::storage
