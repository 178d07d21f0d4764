// What a configuration says about the target as a whole: [target] of a file, and options like --threads.
#pragma once

#include "config/option.hpp"

#include <chrono>
#include <string>
#include <string_view>

namespace cli {

struct TargetSpec {
    /// Each thread serves a part of the exports.
    unsigned threads = 1;
    std::chrono::microseconds busy_poll{10};
    /// If it is empty, the target forgets the settings of initiators when it ends.
    std::string state_directory;

    bool operator==(const TargetSpec&) const = default;
};

const OptionTable<TargetSpec>& target_options();

} // namespace cli
