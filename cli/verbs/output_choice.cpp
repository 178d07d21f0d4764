// A file that is replaced, or standard output.
#include "verbs/output_choice.hpp"

#include "replacement.hpp"
#include "usage_error.hpp"

#include <fmt/format.h>

namespace cli {

void OutputChoice::add_to(ArgumentParser& parser) {
    parser.add_option("--output", path_);
}

void OutputChoice::check() const {
    if (path_ && (path_->empty() || path_->ends_with('/')))
        throw UsageError("--output takes the path of a file");
}

void OutputChoice::write(std::string_view text) const {
    if (path_)
        replace_file(*path_, text);
    else
        fmt::print("{}", text);
}

} // namespace cli
