// Puts findings into words, into JSON, and into an exit code.
#include "check/finding.hpp"

#include "exit_code.hpp"
#include "failure.hpp"
#include "text.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <iterator>

namespace cli {
namespace {

std::string_view name_of(Weight weight) {
    constexpr std::string_view names[] = {"ok", "note", "warning", "error"};
    return names[static_cast<int>(weight)];
}

std::size_t count(const Findings& findings, Weight weight) {
    return static_cast<std::size_t>(std::ranges::count(findings, weight, &Finding::weight));
}

std::string counted(const Findings& findings, Weight weight) {
    return cli::counted(count(findings, weight), name_of(weight));
}

} // namespace

Finding finding_of(Weight weight, const std::string& subject, std::string_view message) {
    const std::size_t semicolon = message.find("; ");
    if (semicolon == std::string_view::npos)
        return {weight, subject, single_line(message)};
    return {weight, subject, single_line(message.substr(0, semicolon)),
            single_line(message.substr(semicolon + 2))};
}

Finding finding_of(const std::string& subject, const std::system_error& error) {
    Finding finding = finding_of(Weight::error, subject, message_of(error));
    finding.of_permission = exit_code_of(error) == exit_no_permission;
    return finding;
}

void append(Findings& all, Findings more) {
    std::ranges::move(more, std::back_inserter(all));
}

std::string text_of(const Findings& findings) {
    std::string text;
    std::string_view subject;
    for (const Finding& finding : findings) {
        if (finding.subject != subject)
            text += fmt::format("{}\n", finding.subject);
        subject = finding.subject;
        text += fmt::format("  {:<8} {}\n", name_of(finding.weight), finding.text);
        if (!finding.cure.empty())
            text += fmt::format("  {:<8} cure: {}\n", "", finding.cure);
    }
    return text + fmt::format("{}, {}, {}\n", counted(findings, Weight::error),
                              counted(findings, Weight::warning), counted(findings, Weight::note));
}

std::string json_of(const Findings& findings) {
    nlohmann::ordered_json list = nlohmann::ordered_json::array();
    for (const Finding& finding : findings)
        list.push_back({{"severity", name_of(finding.weight)},
                        {"subject", finding.subject},
                        {"text", finding.text},
                        {"cure", finding.cure},
                        {"permission", finding.of_permission}});
    const nlohmann::ordered_json all{{"findings", std::move(list)},
                                     {"errors", count(findings, Weight::error)},
                                     {"warnings", count(findings, Weight::warning)},
                                     {"notes", count(findings, Weight::note)}};
    constexpr int indentation = 2;
    return all.dump(indentation, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

int exit_code_of(const Findings& findings) {
    int code = 0;
    for (const Finding& finding : findings) {
        if (finding.weight == Weight::error && code != exit_configuration)
            code = finding.of_permission ? exit_no_permission : exit_configuration;
    }
    return code;
}

} // namespace cli
