// Asks libsystemd, and finds the exports by name.
#include "service/handed_files.hpp"

#include "exit_code.hpp"
#include "failure.hpp"
#include "text.hpp"

#include <aoetarget/hand_over.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <optional>
#include <string_view>
#include <system_error>
#include <utility>

#include <fcntl.h>

#ifdef HAVE_SYSTEMD
#include <systemd/sd-daemon.h>
#endif

namespace cli {
namespace {

struct Handed {
    std::string name;
    Descriptor file;
};

#ifdef HAVE_SYSTEMD
std::vector<Handed> take_all() {
    char** names = nullptr;
    const int count = sd_listen_fds_with_names(1, &names);
    if (count < 0)
        throw std::system_error(-count, std::generic_category(),
                                "cannot take over the files of the service manager");
    std::vector<Handed> all;
    for (int i = 0; i < count; ++i) {
        all.push_back({names[i], Descriptor(SD_LISTEN_FDS_START + i)});
        std::free(names[i]);
    }
    std::free(names);
    return all;
}
#else
std::vector<Handed> take_all() {
    if (std::getenv("LISTEN_FDS") != nullptr)
        throw Failure(exit_failed, "the service manager hands files over (LISTEN_FDS), and this program was "
                                   "built without libsystemd, which takes them; build it with that");
    return {};
}
#endif

} // namespace

HandedFiles::HandedFiles(const Configuration& configuration) {
    for (Handed& handed : take_all())
        add(handed.name, std::move(handed.file), configuration);
}

void HandedFiles::add(const std::string& name, Descriptor file, const Configuration& configuration) {
    constexpr std::string_view prefix = "export-";
    const std::optional<aoetarget::Address> address =
        name.starts_with(prefix) ? aoetarget::Address::parse(name.substr(prefix.size())) : std::nullopt;
    const bool is_known = address && std::ranges::any_of(configuration.exports, [&](const ExportSpec& spec) {
                              return spec.options.address == *address;
                          });
    if (!is_known)
        throw Failure(
            exit_configuration,
            fmt::format("the file '{}' of the service manager (LISTEN_FDNAMES) is that of no export; "
                        "name it like export-1.1, after one that the target serves{}",
                        printable(name),
                        name.starts_with("interface-")
                            ? ". Sockets of interfaces are not taken over: leave this one out, and "
                              "let the target keep the capability CAP_NET_RAW"
                            : ""));
    if (!files_.emplace(*address, std::move(file)).second)
        throw Failure(exit_configuration,
                      fmt::format("the service manager hands '{}' over twice (LISTEN_FDNAMES)", name));
}

std::unique_ptr<aoetarget::FileDevice> HandedFiles::take(const ExportSpec& spec) {
    const auto found = files_.find(spec.options.address);
    if (found == files_.end())
        return nullptr;
    const int file = fcntl(found->second.number(), F_DUPFD_CLOEXEC, 0);
    if (file < 0)
        throw std::system_error(errno, std::generic_category(), spec.path);
    auto device = aoetarget::adopt_file(file, spec.path, spec.file);
    files_.erase(found);
    return device;
}

} // namespace cli
