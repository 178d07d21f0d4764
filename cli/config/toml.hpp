// TOML as text. Only toml.cpp includes toml++, because that takes several times as long to compile as the
// rest.
#pragma once

#include "config/document.hpp"

#include <stdexcept>
#include <string>
#include <string_view>

namespace cli {

/// A text that is no TOML. The message says what is wrong, but not where.
class SyntaxError : public std::runtime_error {
  public:
    SyntaxError(Place place, const std::string& message) : std::runtime_error(message), place_(place) {}
    [[nodiscard]] Place place() const { return place_; }

  private:
    Place place_;
};

/// Returns a table, whose members stand in the order of the text. Throws SyntaxError.
Node parse_toml(std::string_view text);

/// Returns the text of a table whose members are tables and lists of tables, as they are in a configuration.
/// All texts must be UTF-8.
std::string print_toml(const Table& table);

} // namespace cli
