// The options of `serve`; its help explains them.
#include "verbs/serve_arguments.hpp"

#include "systemd_directory.hpp"

#include <fmt/format.h>

#include <vector>

namespace cli {

std::optional<ServeArguments> parse_serve_arguments(const Arguments& arguments, const std::string& verb,
                                                    const ExtraFlags& flags) {
    ArgumentParser parser(verb);
    ServeArguments given;
    std::vector<std::optional<std::string>> target(target_options().infos().size());
    parser.add_option("-c,--config", given.file);
    parser.add_option("-i,--interface", given.sources.interfaces);
    parser.add_option("-e,--export", given.sources.exports);
    given.choice.add_to(parser);
    for (std::size_t i = 0; i < target.size(); ++i)
        parser.add_option(fmt::format("--{}", target_options().infos()[i].name), target[i]);
    for (const auto& [names, value] : flags)
        parser.add_flag(names, *value);
    if (!parser.parse(arguments))
        return std::nullopt;
    for (std::size_t i = 0; i < target.size(); ++i) {
        if (target[i])
            given.sources.target.emplace_back(target_options().infos()[i].name, *target[i]);
    }
    return given;
}

Configuration read_serve_configuration(const ServeArguments& given) {
    Sources sources = given.sources;
    if (given.file)
        sources.files = load_files(*given.file);
    Configuration configuration = read_configuration(sources);
    if (configuration.target.state_directory.empty())
        configuration.target.state_directory = systemd_directory("STATE_DIRECTORY");
    complete_paths(configuration);
    return configuration;
}

} // namespace cli
