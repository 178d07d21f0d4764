// The options of a target, and how each is read.
#include "config/target_spec.hpp"

#include "config/path_text.hpp"
#include "usage_error.hpp"

namespace cli {

const OptionTable<TargetSpec>& target_options() {
    using Spec = TargetSpec;
    static const OptionTable<Spec> table(
        0, {
               {{"threads", ValueType::number, "1...64", Effect::restart},
                [](Spec& spec, const Value& value, const Hosts&) {
                    return set_number(spec.threads, value, 1, 64);
                },
                [](const Spec& spec) -> std::optional<Value> { return std::int64_t{spec.threads}; }},
               {{"busy-poll", ValueType::number, "0...1000", Effect::restart},
                [](Spec& spec, const Value& value, const Hosts&) {
                    std::int64_t microseconds = 0;
                    if (!set_number(microseconds, value, 0, 1000))
                        return false;
                    spec.busy_poll = std::chrono::microseconds(microseconds);
                    return true;
                },
                [](const Spec& spec) -> std::optional<Value> { return spec.busy_poll.count(); }},
               {{"state-dir", ValueType::text, "DIR", Effect::restart},
                [](Spec& spec, const Value& value, const Hosts&) {
                    spec.state_directory = parse_path("state-dir", std::get<std::string>(value));
                    if (spec.state_directory.empty())
                        throw UsageError(
                            "state-dir cannot be ''; write the name of a directory, or leave the option out");
                    return spec.state_directory.find('\0') == std::string::npos;
                },
                [](const Spec& spec) -> std::optional<Value> {
                    if (spec.state_directory.empty())
                        return std::nullopt;
                    return path_text(spec.state_directory);
                }},
           });
    return table;
}

} // namespace cli
