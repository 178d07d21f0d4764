// Helpers to make the steps of a change.
#pragma once

#include "config/configuration.hpp"
#include "service/transition.hpp"

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

namespace cli {

template <typename Spec>
auto find_entry(const std::vector<Spec>& specs, const Spec& spec) {
    return std::ranges::find(specs, key_of(spec), [](const Spec& other) { return key_of(other); });
}

/// Makes a step of a call that has no notes and is over when it returns.
template <typename Call>
auto plain(Call call) {
    return [call = std::move(call)](aoetarget::Target& target, const Step::Hold&) {
        call(target);
        return Step::Notes();
    };
}

/// A step can be copied, as std::function demands, and is made once.
template <typename Part>
using Shared = std::shared_ptr<std::unique_ptr<Part>>;

template <typename Part>
Shared<Part> share(std::unique_ptr<Part> given) {
    return std::make_shared<std::unique_ptr<Part>>(std::move(given));
}

} // namespace cli
