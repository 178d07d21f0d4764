// The grammar that -i and -e share: a subject, then options, SUBJECT[,OPTION[=VALUE]]... A comma, an equals
// sign or a backslash that belongs to the subject or to a value is written with a backslash before it.
#pragma once

#include "config/option.hpp"

#include <functional>
#include <span>
#include <string>
#include <string_view>

namespace cli {

/// Takes a text apart from left to right.
class Scanner {
  public:
    explicit Scanner(std::string_view text) : text_(text) {}

    /// Returns the text up to a comma, an equals sign or the end, without its backslashes. Throws UsageError
    /// if a backslash stands before any other character.
    std::string take_part();
    /// Takes the separator if it is the next character.
    bool skip(char separator);
    /// Returns the character at which the last call began to read, or found a fault. The first is 1.
    [[nodiscard]] std::size_t place() const;

  private:
    std::string_view text_;
    std::size_t next_ = 0;
    std::size_t place_ = 0;
};

/// Returns the text as take_part() has to find it, with a backslash before each character that needs one.
std::string escaped(std::string_view text);

/// Returns the value that an argument gives to an option. Throws UsageError if an argument cannot have it.
Value value_of_text(const OptionInfo& option, const std::string& text);

/// Takes the value for the option with this number. Returns whether the option can have it, as Option::set()
/// does.
using TakeValue = std::function<bool(std::size_t option, const Value& value)>;

/// Reads a text that asks for an interface or an export, as `kind` says: `read_subject` takes the subject,
/// then each option in the text is given to `take`. Throws UsageError with the text, the place in it, the
/// cause and the cure; the last two are those of an error that `read_subject` or `take` throws.
void read_spec(std::string_view kind, std::string_view text, std::span<const OptionInfo> options,
               const std::function<void(Scanner&)>& read_subject, const TakeValue& take);

template <typename Spec>
void read_spec(std::string_view kind, std::string_view text, const OptionTable<Spec>& table, Spec& spec,
               const Hosts& hosts, const std::function<void(Scanner&)>& read_subject) {
    read_spec(kind, text, table.infos().subspan(table.subjects()), read_subject,
              [&](std::size_t option, const Value& value) {
                  return table.set(spec, table.subjects() + option, value, hosts);
              });
}

/// Returns the settings as they follow the subject of an argument.
std::string written(std::span<const Setting> settings);

template <typename Spec>
std::string written(const OptionTable<Spec>& table, const Spec& spec) {
    const std::vector<Setting> settings = table.settings(spec);
    return written(std::span(settings).subspan(table.subjects()));
}

} // namespace cli
