// Makes a configuration of files and arguments.
#pragma once

#include "config/configuration.hpp"

#include <string>
#include <utility>
#include <vector>

namespace cli {

struct SourceFile {
    std::string name;
    std::string text;
};

struct Sources {
    std::vector<SourceFile> files = {};
    /// Options of [target] and their values, which count instead of those of the files.
    std::vector<std::pair<std::string, std::string>> target = {};
    std::vector<std::string> interfaces = {}; ///< arguments of -i
    std::vector<std::string> exports = {};    ///< arguments of -e
};

/// Throws std::system_error if the file cannot be read, or is larger than any configuration.
std::string load_file(const std::string& path);

/// Returns a file, or every file of a folder whose name ends in .toml, in the order of their names. Throws
/// ConfigurationError if there is no such file or folder, or a folder has no such file, or one is larger than
/// any configuration, and otherwise as load_file() does.
std::vector<SourceFile> load_files(const std::string& path);

/// Reads files and arguments as if they were one file. The result is sorted and has no faults. Throws
/// ConfigurationError with all that is wrong if there are files and something is wrong with them or with the
/// whole; otherwise UsageError with the first thing that is wrong.
Configuration read_configuration(const Sources& sources);

/// Returns a file from which read_configuration() makes an equal configuration, if this one is sorted and has
/// no faults. Throws std::runtime_error as to_document() does.
std::string to_toml(const Configuration& configuration);

} // namespace cli
