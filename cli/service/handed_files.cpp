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

constexpr std::size_t most_sockets = aoetarget::InterfaceParts::max_sockets; // for a thread

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
    constexpr std::string_view of_export = "export-", of_interface = "interface-";
    if (name.starts_with(of_export)) {
        const auto address = aoetarget::Address::parse(name.substr(of_export.size()));
        const auto has_address = [&](const ExportSpec& spec) { return spec.options.address == *address; };
        if (address && std::ranges::any_of(configuration.exports, has_address))
            return add_file(*address, name, std::move(file));
    } else if (name.starts_with(of_interface)) {
        const std::string interface = name.substr(of_interface.size());
        const auto has_name = [&](const InterfaceSpec& spec) {
            return spec.name == interface && !spec.is_pattern();
        };
        if (std::ranges::any_of(configuration.interfaces, has_name)) {
            sockets_[interface].all.push_back(std::move(file));
            return;
        }
    }
    throw Failure(
        exit_configuration,
        fmt::format("the file '{}' of the service manager (LISTEN_FDNAMES) is that of no export and "
                    "no interface; name it like export-1.1 or interface-eth1, after one that the "
                    "target serves",
                    printable(name)));
}

void HandedFiles::add_file(const aoetarget::Address& address, const std::string& name, Descriptor file) {
    if (!files_.emplace(address, std::move(file)).second)
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

std::unique_ptr<aoetarget::PreparedInterface> HandedFiles::take(const InterfaceSpec& spec,
                                                                std::size_t threads) {
    const auto found = sockets_.find(spec.name);
    if (found == sockets_.end())
        return nullptr;
    auto& [all, next] = found->second;
    const std::size_t of_each = all.size() / threads;
    if (all.size() % threads != 0 || of_each < 1 || of_each > most_sockets)
        throw Failure(
            exit_configuration,
            fmt::format("the service manager hands over {} with the name 'interface-{}' "
                        "(LISTEN_FDNAMES); the target has {}, and each takes 1 to 3: hand over {}, {} or {}",
                        counted(all.size(), "socket"), spec.name, counted(threads, "thread"), threads,
                        2 * threads, most_sockets * threads));
    aoetarget::InterfaceParts parts;
    for (std::size_t i = 0; i < of_each; ++i)
        parts.sockets.push_back(all[next++].release());
    try {
        return put_together(parts);
    } catch (const std::system_error& error) {
        throw Failure(exit_failed, fmt::format("interface {}: {}", spec.name, message_of(error)));
    }
}

} // namespace cli
