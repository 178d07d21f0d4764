// How a call refuses.
#pragma once

#include <functional>
#include <string>
#include <system_error>

namespace aoetest {

struct Refusal {
    int error = 0; ///< 0 if the call did not refuse.
    std::string text = {};

    [[nodiscard]] bool says(const std::string& words) const { return text.find(words) != std::string::npos; }
};

inline Refusal refusal_of(const std::function<void()>& call) {
    try {
        call();
    } catch (const std::system_error& error) {
        return {error.code().value(), error.what()};
    }
    return {};
}

inline int error_of(const std::function<void()>& call) {
    return refusal_of(call).error;
}

} // namespace aoetest
