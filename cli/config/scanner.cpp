// How an argument is cut into its subject and options, and where an error is.
#include "config/scanner.hpp"

#include "text.hpp"
#include "usage_error.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

namespace cli {
namespace {

constexpr std::string_view separators = ",=", escaped = ",=\\";

std::string written(const SpecOption& option) {
    return option.value.empty() ? std::string(option.name) : fmt::format("{}={}", option.name, option.value);
}

const SpecOption& find_option(std::string_view kind, std::span<const SpecOption> options,
                              const std::string& name) {
    const auto found = std::ranges::find(options, std::string_view(name), &SpecOption::name);
    if (found != options.end())
        return *found;
    std::string all;
    for (const SpecOption& option : options)
        all += (all.empty() ? "" : ", ") + written(option);
    throw UsageError(fmt::format("there is no option '{}'; an {} can have {}", printable(name), kind, all));
}

void apply_value(Scanner& scanner, const SpecOption& option) {
    const bool has_value = scanner.skip('=');
    if (has_value && option.value.empty())
        throw UsageError(fmt::format("{0} takes no value; write {0} alone", option.name));
    const std::string value = has_value ? scanner.take_part() : std::string();
    if (value.empty() && !option.value.empty())
        throw UsageError(fmt::format("{} needs a value; write {}", option.name, written(option)));
    if (!option.apply(value))
        throw UsageError(
            fmt::format("{} cannot be '{}'; write {}", option.name, printable(value), written(option)));
}

void read_options(Scanner& scanner, std::string_view kind, std::span<const SpecOption> options) {
    std::vector<std::string> given;
    for (;;) {
        if (scanner.skip('='))
            throw UsageError(R"(an equals sign cannot stand here; write \= for one that belongs to the text )"
                             "before it, and a comma before an option");
        if (!scanner.skip(','))
            return;
        const std::string name = scanner.take_part();
        const SpecOption& option = find_option(kind, options, name);
        if (std::ranges::find(given, name) != given.end())
            throw UsageError(fmt::format("{} is given twice; keep one of them", name));
        given.push_back(name);
        apply_value(scanner, option);
    }
}

} // namespace

std::string Scanner::take_part() {
    place_ = next_;
    std::string part;
    for (; next_ < text_.size() && separators.find(text_[next_]) == std::string_view::npos; ++next_) {
        if (text_[next_] == '\\' &&
            (++next_ == text_.size() || escaped.find(text_[next_]) == std::string_view::npos)) {
            place_ = next_ - 1;
            throw UsageError(
                R"(a single backslash can stand only before a comma, an equals sign or a backslash; )"
                R"(write \\ for a backslash)");
        }
        part += text_[next_];
    }
    return part;
}

bool Scanner::skip(char separator) {
    place_ = next_;
    if (!text_.substr(next_).starts_with(separator))
        return false;
    ++next_;
    return true;
}

std::size_t Scanner::place() const {
    // What people count as a character may be several bytes of UTF-8, of which all but the first look like
    // this.
    const auto continues = [](char c) { return (static_cast<unsigned char>(c) & 0xC0) == 0x80; };
    return place_ + 1 - static_cast<std::size_t>(std::ranges::count_if(text_.substr(0, place_), continues));
}

void read_spec(std::string_view kind, std::string_view text, std::span<const SpecOption> options,
               const std::function<void(Scanner&)>& read_subject) {
    Scanner scanner(text);
    try {
        read_subject(scanner);
        read_options(scanner, kind, options);
    } catch (const UsageError& error) {
        throw UsageError(
            fmt::format("{} '{}', character {}: {}", kind, single_line(text), scanner.place(), error.what()));
    }
}

} // namespace cli
