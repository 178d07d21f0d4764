// aoetarget import: prints a configuration file for what another target has served.
#include "verbs/import.hpp"

#include "config/reader.hpp"
#include "exit_code.hpp"
#include "text.hpp"
#include "usage_error.hpp"

#include <fmt/format.h>

#include <sstream>

namespace cli {

const char* const import_help =
    R"(Usage: aoetarget import vblade-persist [DIR]
       aoetarget import ggaoed FILE

This command reads the configuration of another AoE target, and prints one that 'aoetarget serve -c'
takes. It changes nothing. What has no counterpart is a comment with the reason; look through these
before you use the file. A comment that begins with "to do" is about what 'aoetarget serve' still
needs. Stop the other target before you start this one, because both want the disks.

  vblade-persist [DIR]  The exports of vblade-persist, which keeps a folder for each, or those that
                        Debian's package of vblade starts at boot, which are files NAME.conf. The
                        default is /var/lib/vblade-persist/vblades, or /etc/vblade.conf.d if that
                        does not exist. DIR has, for each export, a folder or a file NAME.conf.
                        The folder has the files env/SHELF, env/SLOT, env/NETIF and env/SOURCE, with
                        the value in their first lines. A file "down" in it says that the export did
                        not start at boot. Files in its folder macs/ are named by the MAC addresses
                        of those who may use the export. NAME.conf has the lines shelf=, slot=,
                        netif= and filename=, and may have options=.
  ggaoed FILE           The configuration file of ggaoed, usually /etc/ggaoed.conf.
  -h, --help            Show this text.

If exports are left out, a note on standard error tells how many.

Exit codes: 0 done, 1 failed (for example because there is no such configuration, or it has no
export that could be imported), 2 the command line is wrong, 4 no permission.

Examples:
  aoetarget import vblade-persist > /etc/aoetarget.toml
  aoetarget import ggaoed /etc/ggaoed.conf
)";

namespace {

std::string commented(std::string_view text) {
    std::string all;
    std::istringstream lines{std::string(text)};
    for (std::string line; std::getline(lines, line);)
        all += line.empty() ? "#\n" : fmt::format("# {}\n", line);
    return all;
}

std::filesystem::path default_folder() {
    const std::filesystem::path folder = "/var/lib/vblade-persist/vblades";
    return std::filesystem::exists(folder) ? folder : "/etc/vblade.conf.d";
}

/// Prints the file, and says whether it is all of the original. Returns the exit code.
int print(const Translation& translation) {
    const auto& [text, imported, left_out] = translation;
    fmt::print("{}", text);
    if (imported == 0 && left_out == 0) {
        say(Priority::error, "error: there is no export to import; 'aoetarget import --help' tells what the "
                             "command reads\n");
    } else if (left_out > 0) {
        say(Priority::notice, fmt::format("note: {} imported, {} left out; comments in the output tell why\n",
                                          counted(imported, "export"), left_out));
    }
    return imported == 0 ? exit_failed : 0;
}

} // namespace

void Imported::remark(std::string_view part, std::string_view text) {
    remarks_ += commented(single_line(fmt::format("{}: {}", part, text)));
}

void Imported::leave_out(std::string_view part, std::string_view reason) {
    remark(part, reason);
    ++left_out_;
}

void Imported::leave_out(std::string_view part, std::string_view reason, const ExportSpec& spec) {
    leave_out(part, reason);
    Configuration alone;
    alone.exports.push_back(spec);
    commented_exports_ += "\n" + commented(to_toml(alone));
}

Translation Imported::result(std::string_view title) {
    sort_entries(configuration);
    for (const Fault& fault : find_faults(configuration))
        remark("to do", fault.text);
    return {commented(title) + (remarks_.empty() ? "" : "#\n") + remarks_ + "\n" + to_toml(configuration) +
                commented_exports_,
            configuration.exports.size(), left_out_};
}

int import_configuration(const Arguments& arguments) {
    const bool asks_for_help = arguments == Arguments{"-h"} || arguments == Arguments{"--help"};
    const std::string kind = arguments.empty() ? "" : arguments[0];
    if (asks_for_help) {
        fmt::print("{}", import_help);
        return 0;
    }
    if (kind == "vblade-persist" && arguments.size() <= 2)
        return print(import_vblade_persist(arguments.size() == 2 ? std::filesystem::path(arguments[1])
                                                                 : default_folder()));
    if (kind == "ggaoed" && arguments.size() == 2)
        return print(import_ggaoed(arguments[1], load_file(arguments[1])));
    throw UsageError(
        "import takes the name of another target; write 'aoetarget import vblade-persist [DIR]' or "
        "'aoetarget import ggaoed FILE'");
}

} // namespace cli
