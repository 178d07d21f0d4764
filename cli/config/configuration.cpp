// The checks of a configuration as a whole: nothing is named twice.
#include "config/configuration.hpp"

#include "text.hpp"
#include "usage_error.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace cli {
namespace {

template <typename Range, typename Projection>
auto find_twice(const Range& range, Projection projection) {
    for (auto one = range.begin(); one != range.end(); ++one) {
        const auto same = [&](const auto& other) { return projection(other) == projection(*one); };
        if (std::find_if(range.begin(), one, same) != one)
            return one;
    }
    return range.end();
}

} // namespace

void check_configuration(const Configuration& configuration) {
    const std::vector<InterfaceSpec>& interfaces = configuration.interfaces;
    const std::vector<ExportSpec>& exports = configuration.exports;
    if (interfaces.empty())
        throw UsageError("there is no network interface to serve on; add -i IF ('ip -br link' lists the "
                         "interfaces of this machine)");
    if (exports.empty())
        throw UsageError(
            "there is no export to serve; add -e SHELF.SLOT=PATH, for example -e 1.1=/srv/disk.img");

    const auto interface = find_twice(interfaces, [](const InterfaceSpec& spec) { return spec.name; });
    if (interface != interfaces.end())
        throw UsageError(
            fmt::format("interface '{}' is given twice; keep one -i for it", printable(interface->name)));
    const auto spec = find_twice(exports, [](const ExportSpec& one) { return one.options.address; });
    if (spec != exports.end())
        throw UsageError(fmt::format("export {}: two exports have this address; give '{}' another one",
                                     to_string(spec->options.address), printable(spec->path)));
}

} // namespace cli
