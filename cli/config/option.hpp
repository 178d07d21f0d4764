// The options of a target, an interface or an export. A table (OptionTable) defines each of them once: for
// the arguments of -i and -e, for files and JSON, for printing all of these, and for the difference of two
// configurations.
#pragma once

#include "config/hosts.hpp"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

namespace cli {

/// A value that has been read, before an option has taken it.
using Value = std::variant<bool, std::int64_t, std::string, std::vector<std::string>>;

/// A list may also be a single text in a file. In an argument a flag needs no value.
enum class ValueType { flag, number, text, number_or_text, list };

/// What a change of an option takes while the target serves.
enum class Effect {
    in_place, ///< Nothing more.
    reopen,   ///< The interface or the disk has to be opened anew.
    restart,  ///< The target has to start anew.
};

struct OptionInfo {
    std::string_view name;
    ValueType type;
    /// The possible values in an argument, as help and errors show them: "auto|1...255".
    std::string_view values;
    Effect effect;
};

/// An option of two entries with the values that it has in them, or nothing where it is not given.
struct Differing {
    OptionInfo option;
    std::optional<Value> from, to;
};

/// An option and its value.
struct Setting {
    OptionInfo option;
    Value value;
};

template <typename Spec>
struct Option {
    OptionInfo info;
    /// Returns whether the option can have this value, which is of its type. Throws UsageError if there is
    /// more to say about it.
    bool (*set)(Spec& spec, const Value& value, const Hosts& hosts);
    /// Returns nothing if the option is not given.
    std::optional<Value> (*get)(const Spec& spec);
};

template <typename Spec>
class OptionTable {
  public:
    /// The first `subjects` options say which interface or export it is, so a file must have them, and an
    /// argument begins with them.
    OptionTable(std::size_t subjects, std::vector<Option<Spec>> options)
        : subjects_(subjects), options_(std::move(options)) {
        for (const Option<Spec>& option : options_)
            infos_.push_back(option.info);
    }

    [[nodiscard]] std::size_t subjects() const { return subjects_; }
    /// All of them, the subjects first.
    [[nodiscard]] std::span<const OptionInfo> infos() const { return infos_; }
    [[nodiscard]] bool set(Spec& spec, std::size_t index, const Value& value, const Hosts& hosts) const {
        return options_[index].set(spec, value, hosts);
    }
    /// The subjects, and what is not the default.
    [[nodiscard]] std::vector<Setting> settings(const Spec& spec) const {
        std::vector<Setting> settings;
        const Spec defaults;
        for (std::size_t i = 0; i < options_.size(); ++i) {
            std::optional<Value> value = options_[i].get(spec);
            if (value && (i < subjects_ || value != options_[i].get(defaults)))
                settings.push_back({infos_[i], std::move(*value)});
        }
        return settings;
    }
    [[nodiscard]] std::vector<Differing> differing(const Spec& from, const Spec& to) const {
        std::vector<Differing> differing;
        for (const Option<Spec>& option : options_) {
            const std::optional<Value> before = option.get(from), after = option.get(to);
            if (before != after)
                differing.push_back({option.info, before, after});
        }
        return differing;
    }

  private:
    std::size_t subjects_;
    std::vector<Option<Spec>> options_;
    std::vector<OptionInfo> infos_;
};

/// Returns the option with this name, or the number of options.
std::size_t find_option(std::span<const OptionInfo> options, std::string_view name);
/// Returns a sentence without its end: there is no option NAME, which one is spelled like it, and which there
/// are
/// (`all`).
std::string unknown_option(std::string_view what, std::string_view name, std::span<const OptionInfo> options,
                           std::string_view all);

// What `set` and `get` of many options need.

/// Returns the text that stands for the value in an argument, but without backslashes.
std::string text_of(const Value& value);

/// Sets `number` if the value is a number in this range.
template <typename T>
bool set_number(T& number, const Value& value, std::int64_t min, std::int64_t max) {
    const auto* given = std::get_if<std::int64_t>(&value);
    if (given == nullptr || *given < min || *given > max)
        return false;
    number = static_cast<T>(*given);
    return true;
}

template <typename T, std::size_t size>
using Words = std::pair<std::string_view, T>[size];

/// Sets `option` to the meaning of a word. Returns false if the value is none of the words.
template <typename T, typename Meaning, std::size_t size>
bool choose(T& option, const Value& value, const Words<Meaning, size>& words) {
    for (const auto& [word, meaning] : words) {
        if (word == std::get<std::string>(value)) {
            option = meaning;
            return true;
        }
    }
    return false;
}

template <typename T, std::size_t size>
std::optional<Value> word_for(std::type_identity_t<T> meant, const Words<T, size>& words) {
    for (const auto& [word, meaning] : words) {
        if (meaning == meant)
            return std::string(word);
    }
    return std::nullopt;
}

} // namespace cli
