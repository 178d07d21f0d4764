// aoetarget: the table of verbs, and the help that is made from it.
#include "exit_code.hpp"
#include "failure.hpp"
#include "service/refusals.hpp"
#include "text.hpp"
#include "usage_error.hpp"
#include "verbs/verbs.hpp"

#include <aoetarget/target.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string_view>
#include <system_error>

#include <fcntl.h>
#include <unistd.h>

namespace {

struct Verb {
    std::string_view name;
    std::string_view summary;
    const char* help;
    int (*run)(const cli::Arguments& arguments);
};

const Verb verbs[] = {
    {"serve", "export files and block devices", cli::serve_help, cli::serve},
    {"check", "tell what serve would do, and what speaks against it", cli::check_help, cli::check},
    {"discover", "list the targets that answer on a network", cli::discover_help, cli::discover},
    {"probe", "test the path to a target", cli::probe_help, cli::probe},
    {"import", "print a configuration file for what another target serves", cli::import_help,
     cli::import_configuration},
    {"status", "show what a target serves", cli::status_help, cli::status},
    {"stats", "show rates and latencies", cli::stats_help, cli::stats},
    {"top", "show rates and latencies, live", cli::top_help, cli::top},
    {"metrics", "print all figures for Prometheus", cli::metrics_help, cli::metrics},
    {"add", "serve one more export or interface", cli::add_help, cli::add},
    {"remove", "serve an export or an interface no longer", cli::remove_help, cli::remove},
    {"resize", "take over that a disk has grown", cli::resize_help, cli::resize},
    {"reopen", "open the disk of an export anew", cli::reopen_help, cli::reopen},
    {"reload", "make what runs like the configuration file", cli::reload_help, cli::reload},
    {"config", "print what runs as a configuration file", cli::config_help, cli::config},
    {"stop", "end a target", cli::stop_help, cli::stop},
    {"vblade", "export one file, with vblade's own arguments", cli::vblade_help, cli::vblade},
};

std::string help() {
    std::string text =
        "Usage: aoetarget COMMAND [ARGUMENT]...\n\n"
        "aoetarget serves files and block devices as disks on a local network, with ATA over Ethernet.\n\n"
        "Commands:\n";
    for (const Verb& verb : verbs)
        text += fmt::format("  {:<12}{}\n", verb.name, verb.summary);
    text += "\n'aoetarget COMMAND --help' shows the help of a command.\n\n"
            "Options:\n"
            "  --version   print the version\n"
            "  --help      show this text\n\n"
            "If it is called by the name vblade, it takes vblade's arguments.\n\n"
            "Examples:\n"
            "  aoetarget serve -i eth0 -e 1.1=/dev/sdb\n"
            "  aoetarget discover -i eth0\n";
    return text;
}

std::string verb_names() {
    std::string names;
    for (const Verb& verb : verbs)
        names += fmt::format("{}{}", names.empty() ? "" : ", ", verb.name);
    return names;
}

const Verb& find_verb(const std::string& name) {
    const auto* const found = std::ranges::find(verbs, std::string_view(name), &Verb::name);
    if (found == std::end(verbs))
        throw cli::UsageError(
            fmt::format("there is no command '{}'; write one of: {} (see 'aoetarget --help')",
                        cli::printable(name), verb_names()));
    return *found;
}

int print_help_of(const cli::Arguments& arguments) {
    if (arguments.size() > 1)
        throw cli::UsageError("help takes one command; write 'aoetarget help COMMAND'");
    fmt::print("{}", arguments.empty() ? help() : find_verb(arguments.front()).help);
    return 0;
}

int run(std::string_view program, cli::Arguments arguments) {
    if (program.substr(program.rfind('/') + 1) == "vblade") // npos + 1 is 0
        return cli::vblade(arguments);
    if (arguments.empty())
        throw cli::UsageError(
            fmt::format("there is no command; write one of: {} (see 'aoetarget --help')", verb_names()));
    const std::string name = arguments.front();
    arguments.erase(arguments.begin());
    if (name == "--help" || name == "-h" || name == "help")
        return print_help_of(arguments);
    if (name == "--version" || name == "-V") {
        fmt::print("aoetarget {}\n", aoetarget::version());
        return 0;
    }
    return find_verb(name).run(arguments);
}

/// If a standard stream is closed, the next opened file would take its place, and a message for the user
/// would end up in a socket or on a disk.
void occupy_standard_streams() {
    int fd = 0;
    do
        fd = open("/dev/null", O_RDWR);
    while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd > STDERR_FILENO)
        close(fd);
}

int complain(int exit_code, std::string_view message) {
    cli::say(cli::Priority::error, fmt::format("aoetarget: {}\n", cli::single_line(message)));
    return exit_code;
}

} // namespace

int main(int argc, char** argv) {
    occupy_standard_streams();
    try {
        const int exit_code =
            run(argc > 0 ? argv[0] : "", cli::Arguments(argv + std::min(argc, 1), argv + argc));
        if (std::fflush(stdout) != 0)
            return complain(cli::exit_failed,
                            fmt::format("cannot write to standard output: {}", std::strerror(errno)));
        return exit_code;
    } catch (const cli::UsageError& error) {
        return complain(cli::exit_usage, error.what());
    } catch (const cli::StartError& error) {
        for (const std::string& message : error.messages())
            cli::say(cli::Priority::error, fmt::format("error: {}\n", cli::single_line(message)));
        return error.exit_code();
    } catch (const cli::Failure& failure) {
        return complain(failure.exit_code(), failure.what());
    } catch (const cli::ConfigurationError& error) {
        for (const std::string& message : error.messages())
            complain(cli::exit_configuration, message);
        return cli::exit_configuration;
    } catch (const std::system_error& error) {
        return complain(cli::exit_code_of(error), cli::message_of(error));
    } catch (const std::exception& error) {
        return complain(cli::exit_failed, error.what());
    }
}
