// Writes, and renames.
#include "replacement.hpp"

#include "control/descriptor.hpp"
#include "exit_code.hpp"
#include "failure.hpp"
#include "text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include <sys/stat.h>
#include <unistd.h>

namespace cli {
namespace {

[[noreturn]] void fail(const std::string& path, std::string_view reason) {
    throw Failure(exit_failed, fmt::format("cannot write {}: {}", single_line(path), reason));
}

/// To replace a link or a device such as /dev/stdout would take it away from others.
void check_what_is_there(const std::string& path) {
    struct stat status {};
    if (lstat(path.c_str(), &status) == 0 && !S_ISREG(status.st_mode))
        fail(path, "this is no regular file; name one, or one that does not exist yet");
}

/// A name that begins with a dot and does not end as the file's does: programs that read all files of a
/// folder take no notice of it.
std::string temporary_name(const std::string& path) {
    const std::size_t name = path.rfind('/') + 1; // npos + 1 is 0
    return path.substr(0, name) + '.' + path.substr(name) + ".XXXXXX";
}

bool write_all(int file, std::string_view content) {
    while (!content.empty()) {
        const ssize_t written = write(file, content.data(), content.size());
        if (written < 0 && errno != EINTR)
            return false;
        content.remove_prefix(static_cast<std::size_t>(std::max<ssize_t>(written, 0)));
    }
    return true;
}

} // namespace

void replace_file(const std::string& path, std::string_view content) {
    check_what_is_there(path);
    std::string temporary = temporary_name(path);
    const Descriptor file(mkstemp(temporary.data()));
    if (!file.is_open())
        fail(path, fmt::format("no file can be made beside it: {}", std::strerror(errno)));
    constexpr mode_t for_everybody = 0644;
    if (write_all(file.number(), content) && fchmod(file.number(), for_everybody) == 0 &&
        fsync(file.number()) == 0 && std::rename(temporary.c_str(), path.c_str()) == 0)
        return;
    const int error = errno;
    unlink(temporary.c_str());
    fail(path, std::strerror(error));
}

} // namespace cli
