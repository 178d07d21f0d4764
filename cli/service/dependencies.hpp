// What depends on what in a change: a part may become impossible because others have failed.
#pragma once

#include "config/difference.hpp"
#include "failure.hpp"

#include <aoetarget/address.hpp>

#include <map>
#include <set>
#include <string>
#include <vector>

namespace cli {

/// The export that takes over the disk of another one, by the address of that one.
using Moves = std::map<aoetarget::Address, ExportSpec>;

class Dependencies {
  public:
    /// By the parts that failed, which have the names that entry_name() gives them.
    using Failures = std::map<std::string, Failure>;

    /// The changes and moves must outlive this object.
    Dependencies(const Configuration& before, const std::vector<Change>& changes, const Moves& moves);

    /// Returns why the part cannot be done, or nothing. The time that it takes depends on how many others
    /// concern this part, and not on how many there are.
    [[nodiscard]] std::string obstacle_to(const std::string& part, const Failures& failures) const;

  private:
    /// An interface that an export names may be one of these.
    struct Candidates {
        std::set<std::string> before, after;
    };

    [[nodiscard]] bool is_served(const std::string& wanted, const Failures& failures) const;

    std::map<std::string, const ExportSpec*> moves_; ///< What takes over the disk, by the part that gives it.
    std::map<std::string, const ExportSpec*> served_; ///< An export as it shall be, by its part.
    std::set<std::string> going_;                     ///< The parts of exports that do not stay as they were.
    /// The exports that may need an interface which is removed, as they were, by its part.
    std::map<std::string, std::vector<ExportSpec>> needed_by_;
    std::map<std::string, Candidates> candidates_; ///< By the name that an export has for an interface.
};

} // namespace cli
