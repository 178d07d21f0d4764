#include "metrics_check.hpp"

#include <cmath>
#include <cstdlib>
#include <regex>
#include <set>
#include <sstream>

namespace aoetest {

namespace {

class Reader {
  public:
    explicit Reader(bool strict_names) : strict_names_(strict_names) {}

    Metrics read(const std::string& text) {
        if (text.size() < 6 || text.compare(text.size() - 6, 6, "# EOF\n") != 0)
            fault("the text does not end with # EOF");
        std::istringstream lines(text);
        for (line_.clear(); std::getline(lines, line_);) {
            if (line_ != "# EOF")
                line_.compare(0, 2, "# ") == 0 ? take_description() : take_sample();
        }
        end_family();
        return metrics_;
    }

  private:
    void fault(const std::string& what) { metrics_.faults.push_back(what + ": " + line_); }

    void take_description() {
        static const std::regex form(R"(# (HELP|TYPE|UNIT) ([a-zA-Z_:][a-zA-Z0-9_:]*) (\S.*))");
        std::smatch match;
        if (!std::regex_match(line_, match, form))
            return fault("this is no description");
        if (match[1] == "HELP") {
            end_family();
            name_ = match[2];
            if (!families_.insert(name_).second)
                fault("the family is there already");
            return;
        }
        const bool is_unit = match[1] == "UNIT";
        const std::string bare = without_total(name_);
        if (match[2] != (is_unit ? bare : name_))
            fault("this is of another family");
        if (!is_unit)
            type_ = match[3];
        else if (!ends_with(bare, "_" + match[3].str()))
            fault("the name does not end with the unit");
    }

    std::string without_total(const std::string& name) const {
        const bool is_full = !strict_names_ && ends_with(name, "_total");
        return is_full ? name.substr(0, name.size() - 6) : name;
    }

    static bool ends_with(const std::string& text, const std::string& end) {
        return text.size() >= end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0;
    }

    void take_sample() {
        static const std::regex form(
            R"re(([a-zA-Z_:][a-zA-Z0-9_:]*)(\{([a-z]+="([^"\\\n]|\\["\\n])*"(,[a-z]+="([^"\\\n]|\\["\\n])*")*)\})? (\S+))re");
        std::smatch match;
        if (!std::regex_match(line_, match, form))
            return fault("this is no sample");
        const std::string name = match[1], labels = match[3], number = match[7];
        char* end = nullptr;
        const double value = std::strtod(number.c_str(), &end);
        if (*end != '\0')
            fault("the value is no number");
        if (!metrics_.samples.emplace(match[1].str() + match[2].str(), value).second)
            fault("the sample is there already");
        check(name, labels, value);
    }

    void check(const std::string& name, const std::string& labels, double value) {
        if (type_ == "histogram")
            return check_histogram(name, labels, value);
        const char* const ending = !strict_names_       ? ""
                                   : type_ == "counter" ? "_total"
                                   : type_ == "info"    ? "_info"
                                                        : "";
        if (name != name_ + ending)
            fault("the sample is of another family");
        if (type_ == "counter" && (!ends_with(name, "_total") || value < 0))
            fault("this is no counter");
        if (type_ == "info" && value != 1)
            fault("an info is not 1");
        if (type_ != "counter" && type_ != "info" && type_ != "gauge")
            fault("the type is unknown");
    }

    void check_histogram(const std::string& name, const std::string& labels, double value) {
        if (name == name_ + "_bucket") {
            static const std::regex form(R"re((.*?),?le="([^"]+)")re");
            std::smatch match;
            if (!std::regex_match(labels, match, form))
                return fault("a bucket has no bound");
            Buckets& buckets = buckets_[match[1]];
            const double bound = std::strtod(match[2].str().c_str(), nullptr); // it knows +Inf too
            if (bound <= buckets.bound || value < buckets.value)
                fault("a bucket is below the one before");
            buckets.bound = bound;
            buckets.value = value;
        } else if (name == name_ + "_count") {
            Buckets& buckets = buckets_[labels];
            if (buckets.bound != HUGE_VAL || buckets.value != value)
                fault("the last bucket does not have all");
            buckets.has_count = true;
        } else if (name == name_ + "_sum") {
            buckets_[labels].has_sum = true;
        } else {
            fault("the sample is of another family");
        }
    }

    void end_family() {
        for (const auto& [labels, buckets] : buckets_) {
            if (!buckets.has_count || !buckets.has_sum)
                metrics_.faults.push_back("a histogram is incomplete: " + name_ + " " + labels);
        }
        buckets_.clear();
        if (!name_.empty() && type_.empty())
            metrics_.faults.push_back("a family has no type: " + name_);
        type_.clear();
    }

    struct Buckets {
        double bound = -1, value = 0;
        bool has_count = false, has_sum = false;
    };

    bool strict_names_;
    Metrics metrics_;
    std::string line_, name_, type_;
    std::set<std::string> families_;
    std::map<std::string, Buckets> buckets_; // By their labels without the bound.
};

} // namespace

Metrics read_metrics(const std::string& text, bool strict_names) {
    return Reader(strict_names).read(text);
}

} // namespace aoetest
