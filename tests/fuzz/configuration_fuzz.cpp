// A configuration file, and one in JSON. Each is understood or refused in clear lines, and one that is
// understood is the same again when it has been printed, and is the sum of its differences from nothing.
#include "fuzz_target.hpp"

#include "config/difference.hpp"
#include "config/json.hpp"
#include "config/reader.hpp"
#include "usage_error.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>

namespace {

using aoetest::require;

void check_errors(const cli::ConfigurationError& error) {
    for (const std::string& message : error.messages())
        require(!message.empty() && message.find('\n') == std::string::npos, "an error is one line");
}

void check_json(const cli::Configuration& configuration) {
    const std::string text = cli::to_json(configuration).dump();
    require(cli::configuration_from_json(nlohmann::json::parse(text)) == configuration, "JSON reads back");
}

void check_file(const std::string& text) {
    try {
        const cli::Configuration configuration = cli::read_configuration({.files = {{"file.toml", text}}});
        require(cli::find_faults(configuration).empty(), "what is read has no faults");
        require(cli::read_configuration({.files = {{"again.toml", cli::to_toml(configuration)}}}) ==
                    configuration,
                "TOML reads back");
        check_json(configuration);
        require(cli::difference(configuration, configuration).empty(), "no difference from itself");
        require(cli::apply({}, cli::difference({}, configuration)) == configuration,
                "the sum of its differences");
    } catch (const cli::ConfigurationError& error) {
        check_errors(error);
    }
}

void check_json_text(std::string_view text) {
    const nlohmann::json json = nlohmann::json::parse(text, nullptr, false);
    if (json.is_discarded())
        return;
    try {
        check_json(cli::configuration_from_json(json));
    } catch (const cli::ConfigurationError& error) {
        check_errors(error);
    }
}

} // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string text(reinterpret_cast<const char*>(data), size);
    check_file(text);
    check_json_text(text);
    return 0;
}
