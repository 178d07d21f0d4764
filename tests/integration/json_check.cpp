#include "json_check.hpp"

#include <cctype>
#include <cstddef>

namespace aoetest {

namespace {

class Reader {
  public:
    explicit Reader(const std::string& text) : text_(text) {}

    bool is_one_value() {
        if (!value())
            return false;
        skip_space();
        return place_ == text_.size();
    }

  private:
    char next() const { return place_ < text_.size() ? text_[place_] : '\0'; }
    bool is_digit() const { return std::isdigit(static_cast<unsigned char>(next())) != 0; }

    void skip_space() {
        while (next() == ' ' || next() == '\n' || next() == '\r' || next() == '\t')
            ++place_;
    }

    bool take(char wanted) {
        skip_space();
        if (next() != wanted)
            return false;
        ++place_;
        return true;
    }

    bool word(const std::string& wanted) {
        if (text_.compare(place_, wanted.size(), wanted) != 0)
            return false;
        place_ += wanted.size();
        return true;
    }

    bool digits() {
        const std::size_t start = place_;
        while (is_digit())
            ++place_;
        return place_ > start;
    }

    bool number() {
        if (next() == '-')
            ++place_;
        if (next() == '0')
            ++place_; // no digit may follow: 007 is not a number
        else if (!digits())
            return false;
        if (next() == '.') {
            ++place_;
            if (!digits())
                return false;
        }
        if (next() != 'e' && next() != 'E')
            return true;
        ++place_;
        if (next() == '+' || next() == '-')
            ++place_;
        return digits();
    }

    bool string() {
        if (!take('"'))
            return false;
        while (next() != '"') {
            if (static_cast<unsigned char>(next()) < 0x20)
                return false;
            if (next() == '\\' && !escape())
                return false;
            ++place_;
        }
        ++place_;
        return true;
    }

    bool escape() { // leaves place_ at the escape's last character
        ++place_;
        if (next() != 'u')
            return std::string("\"\\/bfnrt").find(next()) != std::string::npos && next() != '\0';
        for (int i = 0; i < 4; ++i) {
            ++place_;
            if (std::isxdigit(static_cast<unsigned char>(next())) == 0)
                return false;
        }
        return true;
    }

    // What stands between brackets: members or elements, separated by commas.
    template <typename Item>
    bool list(char open, char close, Item item) {
        if (!take(open))
            return false;
        if (take(close))
            return true;
        do {
            if (!item())
                return false;
        } while (take(','));
        return take(close);
    }

    bool value() {
        skip_space();
        switch (next()) {
        case '{':
            return list('{', '}', [this] { return string() && take(':') && value(); });
        case '[':
            return list('[', ']', [this] { return value(); });
        case '"':
            return string();
        case 't':
            return word("true");
        case 'f':
            return word("false");
        case 'n':
            return word("null");
        default:
            return number();
        }
    }

    const std::string& text_;
    std::size_t place_ = 0;
};

} // namespace

bool is_json(const std::string& text) {
    return Reader(text).is_one_value();
}

} // namespace aoetest
