// The text formats in which Prometheus reads metrics: names, types, labels and numbers.
#pragma once

#include <aoetarget/latency.hpp>

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

namespace cli {

enum class MetricsFormat {
    prometheus,  ///< Text format 0.0.4. Its lines `# UNIT` and `# EOF` are comments there.
    openmetrics, ///< OpenMetrics 1.0: the type of a counter stands under its name without `_total`.
};

class MetricsText {
  public:
    enum class Type { gauge, counter, info, histogram };
    using Labels = std::initializer_list<std::pair<std::string_view, std::string_view>>;

    explicit MetricsText(MetricsFormat format) : format_(format) {}

    /// Begins a family of metrics, which all samples belong to until the next one. `name` ends with `unit` if
    /// that is not empty; the text adds the endings of counters (`_total`) and infos (`_info`). `help` is one
    /// line.
    void begin(std::string_view name, Type type, std::string_view unit, std::string_view help);
    void add(Labels labels, std::uint64_t value);
    void add(Labels labels, double value);
    void add(Labels labels, const aoetarget::LatencyHistogram& histogram);

    /// Returns the whole text. Nothing may be added after that.
    std::string end();

  private:
    void add_sample(std::string_view ending, Labels labels, std::string_view bound, const std::string& value);

    MetricsFormat format_;
    std::string name_;
    Type type_ = Type::gauge;
    std::string text_;
};

} // namespace cli
