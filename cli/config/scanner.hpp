// The grammar that -i and -e share: a subject, then options, SUBJECT[,OPTION[=VALUE]]... A comma, an equals
// sign or a backslash that belongs to the subject or to a value is written with a backslash before it.
#pragma once

#include <functional>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace cli {

/// Takes a text apart from left to right.
class Scanner {
  public:
    explicit Scanner(std::string_view text) : text_(text) {}

    /// The text up to a comma, an equals sign or the end, without its backslashes. Throws UsageError if a
    /// backslash stands before any other character.
    std::string take_part();
    /// Takes the separator if it is the next character.
    bool skip(char separator);
    /// The character at which the last call began to read, or found a fault; the first is 1.
    [[nodiscard]] std::size_t place() const;

  private:
    std::string_view text_;
    std::size_t next_ = 0;
    std::size_t place_ = 0;
};

struct SpecOption {
    std::string_view name;
    /// The value as an error message shows it; empty if the option takes none.
    std::string_view value;
    /// Returns whether the option can have this value. Throws UsageError if there is more to say about it.
    std::function<bool(const std::string& value)> apply;
};

/// Reads a text that asks for an interface or an export, as `kind` says: `read_subject` takes the subject,
/// then each option in the text is applied. Throws UsageError with the text, the place in it, the cause and
/// the cure; the last two are those of an error that `read_subject` or an option throws.
void read_spec(std::string_view kind, std::string_view text, std::span<const SpecOption> options,
               const std::function<void(Scanner&)>& read_subject);

/// Sets `option` to the meaning of `value`. Returns false if `value` is none of the words.
template <typename T>
bool choose(T& option, const std::string& value,
            std::initializer_list<std::pair<std::string_view, std::type_identity_t<T>>> words) {
    for (const auto& [word, meaning] : words) {
        if (word == value) {
            option = meaning;
            return true;
        }
    }
    return false;
}

} // namespace cli
