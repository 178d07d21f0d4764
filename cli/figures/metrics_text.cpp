// Writes a line for each sample.
#include "figures/metrics_text.hpp"

#include <fmt/format.h>

#include <chrono>

namespace cli {
namespace {

using Type = MetricsText::Type;

std::string_view ending_of(Type type) {
    switch (type) {
    case Type::counter:
        return "_total";
    case Type::info:
        return "_info";
    case Type::gauge:
    case Type::histogram:
        break;
    }
    return "";
}

std::string_view name_of(Type type, MetricsFormat format) {
    switch (type) {
    case Type::counter:
        return "counter";
    case Type::histogram:
        return "histogram";
    case Type::info:
        return format == MetricsFormat::openmetrics ? "info" : "gauge";
    case Type::gauge:
        break;
    }
    return "gauge";
}

std::string escaped(std::string_view value) {
    std::string text;
    for (const char c : value) {
        if (c == '\n')
            text += "\\n";
        else if (c == '\\' || c == '"')
            text += {'\\', c};
        else
            text += c;
    }
    return text;
}

std::string label(std::string_view name, std::string_view value) {
    return fmt::format("{}=\"{}\"", name, escaped(value));
}

} // namespace

void MetricsText::begin(std::string_view name, Type type, std::string_view unit, std::string_view help) {
    name_ = name;
    type_ = type;
    const std::string described =
        fmt::format("{}{}", name, format_ == MetricsFormat::openmetrics ? "" : ending_of(type));
    text_ += fmt::format("# HELP {} {}\n# TYPE {} {}\n", described, help, described, name_of(type, format_));
    if (!unit.empty())
        text_ += fmt::format("# UNIT {} {}\n", name, unit);
}

void MetricsText::add(Labels labels, std::uint64_t value) {
    add_sample(ending_of(type_), labels, "", fmt::format("{}", value));
}

void MetricsText::add(Labels labels, double value) {
    add_sample(ending_of(type_), labels, "", fmt::format("{}", value));
}

void MetricsText::add(Labels labels, const aoetarget::LatencyHistogram& histogram) {
    using Seconds = std::chrono::duration<double>;
    std::uint64_t below = 0;
    for (std::size_t i = 0; i < histogram.bounds.size(); ++i) {
        below += histogram.counts[i];
        const double bound = Seconds(std::chrono::nanoseconds(histogram.bounds[i])).count();
        add_sample("_bucket", labels, fmt::format("{}", bound), fmt::format("{}", below));
    }
    const std::string count = fmt::format("{}", histogram.count());
    add_sample("_bucket", labels, "+Inf", count);
    add_sample("_sum", labels, "", fmt::format("{}", Seconds(histogram.sum).count()));
    add_sample("_count", labels, "", count);
}

std::string MetricsText::end() {
    text_ += "# EOF\n";
    return std::move(text_);
}

void MetricsText::add_sample(std::string_view ending, Labels labels, std::string_view bound,
                             const std::string& value) {
    std::string list;
    for (const auto& [name, label_value] : labels)
        list += (list.empty() ? "" : ",") + label(name, label_value);
    if (!bound.empty())
        list += (list.empty() ? "" : ",") + label("le", bound);
    text_ += list.empty() ? fmt::format("{}{} {}\n", name_, ending, value)
                          : fmt::format("{}{}{{{}}} {}\n", name_, ending, list, value);
}

} // namespace cli
