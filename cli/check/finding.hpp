// A finding of `aoetarget check`: a value. The files of this folder gather facts, and judge them: a judgement
// takes facts and makes findings, asks nobody, and can be tested by itself.
//
//     interfaces, exports, process, network      facts of one kind and what they mean
//     reload                                     what would change of the target that runs
//     check                                      the list of all checks, in their order
#pragma once

#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace cli {

enum class Weight {
    ok,      ///< Nothing speaks against it.
    note,    ///< It works, and is worth knowing.
    warning, ///< It works worse than it could, or not for long.
    error,   ///< `serve` would refuse it, or data would be lost.
};

struct Finding {
    Weight weight;
    std::string subject;        ///< "target", "interface eth1", "export e1.1"
    std::string text;           ///< with the numbers
    std::string cure = {};      ///< empty if there is none
    bool of_permission = false; ///< Another user might find something else.
};

using Findings = std::vector<Finding>;

/// Makes a finding of a message that has cause and cure, with a semicolon between them.
Finding finding_of(Weight weight, const std::string& subject, std::string_view message);
/// Makes an error of what the library or the system refuses.
Finding finding_of(const std::string& subject, const std::system_error& error);

/// Puts more behind all.
void append(Findings& all, Findings more);

/// Returns lines for people: a line for each subject, its findings below, and the numbers at the end.
std::string text_of(const Findings& findings);
std::string json_of(const Findings& findings);

/// Returns 0, or that of the worst error: 4 if other rights might cure all of them, else 3.
int exit_code_of(const Findings& findings);

} // namespace cli
