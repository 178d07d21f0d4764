// aoetarget import: prints a configuration file for what another target has served.
#include "verbs/import.hpp"

#include "config/reader.hpp"
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
                        does not exist.
  ggaoed FILE           The configuration file of ggaoed, usually /etc/ggaoed.conf.
  -h, --help            Show this text.

Exit codes: 0 done, 1 failed (for example because there is no such configuration), 2 the command
line is wrong, 4 no permission.

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

} // namespace

void Imported::remark(std::string_view part, std::string_view text) {
    remarks_ += commented(single_line(fmt::format("{}: {}", part, text)));
}

void Imported::leave_out(std::string_view part, std::string_view reason, const ExportSpec& spec) {
    remark(part, reason);
    Configuration alone;
    alone.exports.push_back(spec);
    left_out_ += "\n" + commented(to_toml(alone));
}

std::string Imported::text(std::string_view title) {
    sort_entries(configuration);
    for (const Fault& fault : find_faults(configuration))
        remark("to do", fault.text);
    return commented(title) + (remarks_.empty() ? "" : "#\n") + remarks_ + "\n" + to_toml(configuration) +
           left_out_;
}

int import_configuration(const Arguments& arguments) {
    const bool asks_for_help = arguments == Arguments{"-h"} || arguments == Arguments{"--help"};
    const std::string kind = arguments.empty() ? "" : arguments[0];
    if (asks_for_help) {
        fmt::print("{}", import_help);
    } else if (kind == "vblade-persist" && arguments.size() <= 2) {
        fmt::print("{}", import_vblade_persist(arguments.size() == 2 ? std::filesystem::path(arguments[1])
                                                                     : default_folder()));
    } else if (kind == "ggaoed" && arguments.size() == 2) {
        fmt::print("{}", import_ggaoed(arguments[1], load_file(arguments[1])));
    } else {
        throw UsageError(
            "import takes the name of another target; write 'aoetarget import vblade-persist [DIR]' or "
            "'aoetarget import ggaoed FILE'");
    }
    return 0;
}

} // namespace cli
