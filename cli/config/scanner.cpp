// Cuts an argument into its subject and options, and tells where an error is.
#include "config/scanner.hpp"

#include "text.hpp"
#include "usage_error.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <vector>

namespace cli {
namespace {

constexpr std::string_view separators = ",=", special = ",=\\";

std::string form_of(const OptionInfo& option) {
    return option.type == ValueType::flag ? fmt::format("{}[={}]", option.name, option.values)
                                          : fmt::format("{}={}", option.name, option.values);
}

std::size_t find_known_option(std::string_view kind, std::span<const OptionInfo> options,
                              const std::string& name) {
    const std::size_t found = find_option(options, name);
    if (found < options.size())
        return found;
    std::string all;
    for (const OptionInfo& option : options)
        all += (all.empty() ? "" : ", ") + form_of(option);
    throw UsageError(unknown_option(fmt::format("an {}", kind), name, options, all));
}

Value take_value(Scanner& scanner, const OptionInfo& option) {
    const bool has_value = scanner.skip('=');
    if (!has_value && option.type == ValueType::flag)
        return true;
    const std::string text = has_value ? scanner.take_part() : std::string();
    if (text.empty())
        throw UsageError(fmt::format("{} needs a value; write {}", option.name, form_of(option)));
    return value_of_text(option, text);
}

void read_options(Scanner& scanner, std::string_view kind, std::span<const OptionInfo> options,
                  const TakeValue& take) {
    std::vector<bool> given(options.size());
    for (;;) {
        if (scanner.skip('='))
            throw UsageError(R"(an equals sign cannot stand here; write \= for one that belongs to the text )"
                             "before it, and a comma before an option");
        if (!scanner.skip(','))
            return;
        const std::size_t number = find_known_option(kind, options, scanner.take_part());
        const OptionInfo& option = options[number];
        if (given[number])
            throw UsageError(fmt::format("{} is given twice; keep one of them", option.name));
        given[number] = true;
        const Value value = take_value(scanner, option);
        if (!take(number, value))
            throw UsageError(fmt::format("{} cannot be '{}'; write {}", option.name,
                                         printable(text_of(value)), form_of(option)));
    }
}

/// Takes a list apart at its plus signs.
std::vector<std::string> split(const std::string& list) {
    std::vector<std::string> parts;
    for (std::size_t begin = 0; begin <= list.size();) {
        const std::size_t end = std::min(list.find('+', begin), list.size());
        parts.push_back(list.substr(begin, end - begin));
        begin = end + 1;
    }
    return parts;
}

} // namespace

std::string Scanner::take_part() {
    place_ = next_;
    std::string part;
    for (; next_ < text_.size() && separators.find(text_[next_]) == std::string_view::npos; ++next_) {
        if (text_[next_] == '\\' &&
            (++next_ == text_.size() || special.find(text_[next_]) == std::string_view::npos)) {
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
    // A character that a user counts may be several bytes of UTF-8. All but the first match this.
    const auto continues = [](char c) { return (static_cast<unsigned char>(c) & 0xC0) == 0x80; };
    return place_ + 1 - static_cast<std::size_t>(std::ranges::count_if(text_.substr(0, place_), continues));
}

std::string escaped(std::string_view text) {
    std::string all;
    for (const char c : text) {
        if (special.find(c) != std::string_view::npos)
            all += '\\';
        all += c;
    }
    return all;
}

Value value_of_text(const OptionInfo& option, const std::string& text) {
    switch (option.type) {
    case ValueType::flag:
        if (text != "true" && text != "false")
            throw UsageError(
                fmt::format("{} cannot be '{}'; write {}", option.name, printable(text), form_of(option)));
        return text == "true";
    case ValueType::number:
    case ValueType::number_or_text: {
        std::int64_t number = 0;
        const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
        const bool is_number = error == std::errc() && end == text.data() + text.size();
        return is_number ? Value(number) : Value(text);
    }
    case ValueType::text:
        return text;
    case ValueType::list:
        return split(text);
    }
    return text;
}

void read_spec(std::string_view kind, std::string_view text, std::span<const OptionInfo> options,
               const std::function<void(Scanner&)>& read_subject, const TakeValue& take) {
    Scanner scanner(text);
    try {
        read_subject(scanner);
        read_options(scanner, kind, options, take);
    } catch (const UsageError& error) {
        throw UsageError(
            fmt::format("{} '{}', character {}: {}", kind, single_line(text), scanner.place(), error.what()));
    }
}

std::string written(std::span<const Setting> settings) {
    std::string all;
    for (const auto& [option, value] : settings) {
        all += fmt::format(",{}", option.name);
        if (value != Value(true))
            all += "=" + escaped(text_of(value));
    }
    return all;
}

} // namespace cli
