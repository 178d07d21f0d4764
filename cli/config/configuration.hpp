// The configuration of a target as a value: a verb makes it from its arguments, and service/ runs it.
#pragma once

#include "config/export_spec.hpp"
#include "config/interface_spec.hpp"

#include <aoetarget/target.hpp>

#include <string>
#include <vector>

namespace cli {

struct Configuration {
    aoetarget::TargetOptions target;
    /// Each thread serves a part of the exports.
    unsigned threads = 1;
    std::vector<InterfaceSpec> interfaces;
    std::vector<ExportSpec> exports;
    /// Sentences for people, printed with the report at the start.
    std::vector<std::string> notes;
};

/// Throws UsageError if something is missing or given twice.
void check_configuration(const Configuration& configuration);

} // namespace cli
