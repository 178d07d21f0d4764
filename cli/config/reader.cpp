// Collects what is wrong with files and arguments, and tells all of it.
#include "config/reader.hpp"

#include "config/document_reader.hpp"
#include "config/document_writer.hpp"
#include "config/scanner.hpp"
#include "config/toml.hpp"
#include "failure.hpp"
#include "text.hpp"
#include "usage_error.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <system_error>

namespace cli {
namespace {

constexpr std::size_t longest_file = 16 << 20;

void read_target_argument(Configuration& configuration, const std::string& name, const std::string& text) {
    const std::span<const OptionInfo> options = target_options().infos();
    const std::size_t number = find_option(options, name);
    const OptionInfo& option = options[number];
    try {
        if (target_options().set(configuration.target, number, value_of_text(option, text), {}))
            return;
    } catch (const UsageError& error) {
        throw UsageError(fmt::format("--{}", error.what())); // which begins with the name
    }
    throw UsageError(fmt::format("--{} cannot be '{}'; write {}", name, printable(text), option.values));
}

class Reader {
  public:
    explicit Reader(const Sources& sources) : sources_(sources) {}

    Configuration read() {
        read_files();
        read_arguments();
        const bool is_whole = complaints_.empty() && argument_errors_.empty();
        for (const Fault& fault : find_faults(reading_.configuration))
            tell(fault, is_whole);
        if (!complaints_.empty()) {
            std::ranges::stable_sort(complaints_, {}, &Complaint::origin);
            std::vector<std::string> messages;
            for (const Complaint& complaint : complaints_)
                messages.push_back(message_of(complaint));
            messages.insert(messages.end(), argument_errors_.begin(), argument_errors_.end());
            throw ConfigurationError(std::move(messages));
        }
        if (!argument_errors_.empty())
            throw UsageError(argument_errors_.front());
        sort_entries(reading_.configuration);
        return std::move(reading_.configuration);
    }

  private:
    /// The origin of what no place in a file is to blame for.
    static constexpr Origin nowhere = {std::size_t(-1), {}};

    void read_files() {
        std::vector<Node> documents;
        for (std::size_t i = 0; i < sources_.files.size(); ++i) {
            documents.push_back({.value = Table()});
            try {
                documents.back() = parse_toml(sources_.files[i].text);
            } catch (const SyntaxError& error) {
                complaints_.push_back({{i, error.place()}, error.what()});
            }
        }
        reading_ = read_documents(documents);
        std::ranges::move(reading_.complaints, std::back_inserter(complaints_));
    }

    void read_arguments() {
        Configuration& configuration = reading_.configuration;
        for (const auto& given : sources_.target)
            attempt([&] { read_target_argument(configuration, given.first, given.second); });
        for (const std::string& text : sources_.interfaces)
            attempt([&] { configuration.interfaces.push_back(parse_interface_spec(text)); });
        for (const std::string& text : sources_.exports)
            attempt([&] { configuration.exports.push_back(parse_export_spec(text, reading_.hosts)); });
    }

    template <typename Work>
    void attempt(Work work) {
        try {
            work();
        } catch (const UsageError& error) {
            argument_errors_.emplace_back(error.what());
        }
    }

    /// Where something else is wrong, what seems to be missing may be there.
    void tell(const Fault& fault, bool is_whole) {
        if (fault.part == Fault::Part::whole && !is_whole)
            return;
        if (sources_.files.empty()) {
            argument_errors_.push_back(fault.text);
            return;
        }
        const auto& origins =
            fault.part == Fault::Part::interface ? reading_.interface_origins : reading_.export_origins;
        const bool is_in_file = fault.part != Fault::Part::whole && fault.index < origins.size();
        complaints_.push_back({is_in_file ? origins[fault.index] : nowhere, fault.text});
    }

    [[nodiscard]] std::string message_of(const Complaint& complaint) const {
        const auto& [origin, text] = complaint;
        if (origin.document >= sources_.files.size())
            return text;
        return fmt::format("{}:{}:{}: {}", sources_.files[origin.document].name, origin.place.line,
                           origin.place.column, text);
    }

    const Sources& sources_;
    Reading reading_;
    std::vector<Complaint> complaints_;
    std::vector<std::string> argument_errors_;
};

} // namespace

std::string load_file(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    std::string text;
    for (std::array<char, 1 << 16> part{}; file && text.size() <= longest_file;) {
        file.read(part.data(), part.size());
        text.append(part.data(), static_cast<std::size_t>(file.gcount()));
    }
    if (!file.eof() && !file)
        throw std::system_error(errno, std::generic_category(),
                                fmt::format("cannot read {}{}", path,
                                            errno == ENOENT ? ", which does not exist; check the path" : ""));
    if (text.size() > longest_file)
        throw std::system_error(EFBIG, std::generic_category(),
                                fmt::format("cannot read {}, which has more than 16 MiB", path));
    return text;
}

namespace {

/// What is not there, or is no configuration, is not there after a restart either.
bool is_wrong_path(const std::system_error& error) {
    return error.code() == std::errc::no_such_file_or_directory ||
           error.code() == std::errc::not_a_directory || error.code() == std::errc::file_too_large;
}

SourceFile load_source(const std::string& path) {
    try {
        return {path, load_file(path)};
    } catch (const std::system_error& error) {
        if (is_wrong_path(error))
            throw ConfigurationError({message_of(error)});
        throw;
    }
}

} // namespace

std::vector<SourceFile> load_files(const std::string& path) {
    namespace fs = std::filesystem;
    std::error_code error;
    if (!fs::is_directory(path, error))
        return {load_source(path)};
    std::vector<std::string> names;
    for (const fs::directory_entry& entry : fs::directory_iterator(path, error)) {
        if (entry.path().extension() == ".toml" && !entry.path().filename().string().starts_with('.'))
            names.push_back(entry.path().string());
    }
    if (error)
        throw std::system_error(error, fmt::format("cannot read the folder {}", path));
    if (names.empty())
        throw ConfigurationError(
            {fmt::format("{} has no file whose name ends in .toml; write one there", path)});
    std::ranges::sort(names);
    std::vector<SourceFile> files;
    for (const std::string& name : names)
        files.push_back(load_source(name));
    return files;
}

Configuration read_configuration(const Sources& sources) {
    return Reader(sources).read();
}

std::string to_toml(const Configuration& configuration) {
    return print_toml(to_document(configuration));
}

} // namespace cli
