// The options of `serve`; its help explains them.
#include "verbs/serve_arguments.hpp"

#include <fmt/format.h>

#include <vector>

namespace cli {

std::optional<ServeArguments> parse_serve_arguments(const Arguments& arguments) {
    ArgumentParser parser("serve");
    ServeArguments given;
    std::vector<std::optional<std::string>> target(target_options().infos().size());
    parser.add_option("-c,--config", given.file);
    parser.add_option("-i,--interface", given.sources.interfaces);
    parser.add_option("-e,--export", given.sources.exports);
    given.choice.add_to(parser);
    for (std::size_t i = 0; i < target.size(); ++i)
        parser.add_option(fmt::format("--{}", target_options().infos()[i].name), target[i]);
    if (!parser.parse(arguments))
        return std::nullopt;
    for (std::size_t i = 0; i < target.size(); ++i) {
        if (target[i])
            given.sources.target.emplace_back(target_options().infos()[i].name, *target[i]);
    }
    return given;
}

} // namespace cli
