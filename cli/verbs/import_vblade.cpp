// Exports of vblade that start at boot. Each becomes a command line of vblade, which parse_vblade()
// understands.
#include "verbs/import.hpp"

#include "config/reader.hpp"
#include "text.hpp"
#include "usage_error.hpp"
#include "verbs/vblade.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <map>
#include <optional>
#include <set>
#include <sstream>
#include <stdexcept>

namespace cli {
namespace {

namespace fs = std::filesystem;

/// The variables of a configuration, with the names that vblade's own files use.
using Variables = std::map<std::string, std::string, std::less<>>;

std::string first_line_of(const fs::path& file) {
    const std::string text = load_file(file);
    return text.substr(0, text.find('\n'));
}

/// What vblade-persist has in the folder of an export: env/NAME has the value of a variable, and a file in
/// macs/ the name of each initiator that may use the export.
Variables read_folder(const fs::path& folder) {
    Variables variables;
    const std::pair<const char*, const char*> names[] = {
        {"SHELF", "shelf"}, {"SLOT", "slot"}, {"NETIF", "netif"}, {"SOURCE", "filename"}};
    for (const auto& [file, name] : names) {
        if (fs::exists(folder / "env" / file))
            variables[name] = first_line_of(folder / "env" / file);
    }
    std::vector<std::string> macs;
    if (fs::is_directory(folder / "macs")) {
        for (const fs::directory_entry& mac : fs::directory_iterator(folder / "macs"))
            macs.push_back(mac.path().filename().string());
    }
    std::ranges::sort(macs);
    if (!macs.empty())
        variables["options"] = "-m " + joined(macs, ",");
    return variables;
}

/// Returns the value of an assignment as a shell reads it, or nothing if it takes a shell to know it.
std::optional<std::string> unquoted(std::string_view text) {
    std::string value;
    char quote = '\0';
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        if (quote != '\'' && (c == '$' || c == '`'))
            return std::nullopt;
        if (c == quote) {
            quote = '\0';
        } else if (quote == '\0' && (c == '\'' || c == '"')) {
            quote = c;
        } else if (c == '\\' && quote != '\'') {
            if (++i == text.size())
                return std::nullopt;
            value += text[i];
        } else if (quote == '\0' && (c == ' ' || c == '\t')) {
            const std::size_t rest = text.find_first_not_of(" \t", i);
            if (rest == std::string_view::npos || text[rest] == '#')
                return value;
            return std::nullopt; // another command, or another assignment
        } else if (quote == '\0' && std::string_view(";&|<>()").find(c) != std::string_view::npos) {
            return std::nullopt;
        } else {
            value += c;
        }
    }
    return quote == '\0' ? std::optional(value) : std::nullopt;
}

/// Debian's converter from vblade-persist writes some capitals.
std::string lower_case(std::string text) {
    std::ranges::transform(text, text.begin(),
                           [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return text;
}

/// A file of shell assignments. Remarks about lines that are none.
Variables read_file(const fs::path& file, Imported& imported) {
    Variables variables;
    std::istringstream lines(load_file(file));
    for (std::string line; std::getline(lines, line);) {
        line.erase(0, line.find_first_not_of(" \t"));
        if (line.empty() || line.front() == '#')
            continue;
        const std::size_t equals = line.find('=');
        const std::optional<std::string> value =
            equals == std::string::npos ? std::nullopt : unquoted(std::string_view(line).substr(equals + 1));
        if (value)
            variables[lower_case(line.substr(0, equals))] = *value;
        else
            imported.remark(file.filename().string(),
                            fmt::format("'{}' is for a shell, so it is left out; write its result", line));
    }
    return variables;
}

Arguments words_of(const Variables& variables) {
    Arguments words;
    std::istringstream options(variables.contains("options") ? variables.at("options") : "");
    for (std::string option; options >> option;)
        words.push_back(option);
    for (const char* name : {"shelf", "slot", "netif", "filename"})
        words.push_back(variables.at(name));
    return words;
}

class VbladeImport {
  public:
    void add_folder(const fs::path& folder) {
        // runsv(8) does not start what has this file.
        add(folder.filename().string(), read_folder(folder), fs::exists(folder / "down"));
    }

    void add_file(const fs::path& file) {
        const std::string name = file.filename().string();
        const Variables variables = read_file(file, imported_);
        for (const auto& [variable, value] : variables) {
            static const std::set<std::string, std::less<>> known = {"shelf", "slot", "netif", "filename",
                                                                     "options"};
            if (variable == "ionice")
                imported_.remark(name, "ionice has no counterpart, because one process serves all exports");
            else if (!known.contains(variable))
                imported_.remark(name,
                                 fmt::format("vblade does not know the variable {}", printable(variable)));
        }
        add(name, variables, false);
    }

    Translation result() {
        // One interface is the default of all exports.
        if (interfaces().size() == 1) {
            for (ExportSpec& spec : exports())
                spec.options.interfaces.clear();
        }
        if (std::ranges::any_of(exports(), [](const ExportSpec& spec) {
                return spec.file.durability == aoetarget::Durability::volatile_cache;
            }))
            imported_.remark("durability",
                             "vblade without -s answers a write before it is on stable storage, and "
                             "so does durability = \"volatile\"; take that out for data that matters");
        return imported_.result("Made by 'aoetarget import vblade-persist'.");
    }

  private:
    std::vector<InterfaceSpec>& interfaces() { return imported_.configuration.interfaces; }
    std::vector<ExportSpec>& exports() { return imported_.configuration.exports; }

    void add(const std::string& name, const Variables& variables, bool is_down) {
        for (const char* variable : {"shelf", "slot", "netif", "filename"}) {
            if (!variables.contains(variable) || variables.at(variable).empty()) {
                imported_.leave_out(name, fmt::format("{} is missing, so vblade did not serve it", variable));
                return;
            }
        }
        try {
            const std::optional<Configuration> parsed = parse_vblade(words_of(variables));
            if (parsed)
                add(name, parsed->interfaces.front(), parsed->exports.front(), is_down);
        } catch (const UsageError& error) {
            imported_.leave_out(name, fmt::format("it is left out: {}", error.what()));
        }
    }

    void add(const std::string& name, const InterfaceSpec& interface, ExportSpec spec, bool is_down) {
        for (const aoetarget::MacAddress& mac : std::exchange(spec.options.mask_list, {})) {
            spec.allow.push_back(to_string(mac));
            spec.options.allow.push_back({mac});
        }
        if (spec.file.read_only)
            spec.file.durability = aoetarget::Durability::stable; // there is nothing to make durable
        spec.options.interfaces = {interface.name};
        if (is_down) {
            imported_.leave_out(name, "it did not start at boot (noauto), so it is a comment below", spec);
            return;
        }
        if (add_export(name, spec))
            add_interface(name, interface);
    }

    void add_interface(const std::string& name, const InterfaceSpec& interface) {
        const auto same = std::ranges::find(interfaces(), interface.name, &InterfaceSpec::name);
        if (same == interfaces().end()) {
            interfaces().push_back(interface);
        } else if (same->options != interface.options) {
            same->options.buffer_count = std::max(same->options.buffer_count, interface.options.buffer_count);
            imported_.remark(
                name, fmt::format("its -b differs from that of others on {}, where all exports have the "
                                  "same buffers, now the most that any of them had",
                                  interface.name));
        }
    }

    /// With vblade, a process for each interface served the same file under the same address.
    bool add_export(const std::string& name, const ExportSpec& spec) {
        const auto same = std::ranges::find(exports(), spec.options.address,
                                            [](const ExportSpec& other) { return other.options.address; });
        if (same == exports().end()) {
            exports().push_back(spec);
            return true;
        }
        ExportSpec joined = spec;
        joined.options.interfaces = same->options.interfaces;
        if (joined != *same) {
            imported_.leave_out(
                name, "another export has its address, so it is a comment below; give it another one", spec);
            return false;
        }
        same->options.interfaces.push_back(spec.options.interfaces.front());
        return true;
    }

    Imported imported_;
};

} // namespace

Translation import_vblade_persist(const std::filesystem::path& folder) {
    if (!fs::is_directory(folder))
        throw std::runtime_error(
            fmt::format("there is no folder {}; write where vblade's exports are kept", folder.string()));
    std::vector<fs::path> entries;
    for (const fs::directory_entry& entry : fs::directory_iterator(folder))
        entries.push_back(entry.path());
    std::ranges::sort(entries);
    VbladeImport vblade;
    for (const fs::path& entry : entries) {
        if (fs::is_directory(entry))
            vblade.add_folder(entry);
        else if (entry.extension() == ".conf")
            vblade.add_file(entry);
    }
    return vblade.result();
}

} // namespace cli
