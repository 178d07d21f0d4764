// What of a start is told when several entries cannot be opened.
#include "catch.hpp"

#include "service/refusals.hpp"

#include <cerrno>
#include <string>
#include <system_error>
#include <vector>

namespace {

using cli::Failure, cli::Refusals, cli::StartError;

StartError error_of(const Refusals& refusals) {
    try {
        refusals.throw_if_any();
    } catch (const StartError& error) {
        return error;
    }
    return {0, {"nothing was refused"}, false};
}

} // namespace

TEST_CASE("refusals have the entry in front once, and the exit code that they have in common", "[cli]") {
    Refusals refusals;
    refusals.attempt("e1.1", [] {});
    CHECK_NOTHROW(refusals.throw_if_any());
    refusals.attempt("e1.2", [] { throw std::system_error(EACCES, std::generic_category(), "no; ask"); });
    refusals.attempt("e1.3", [] { throw std::system_error(EPERM, std::generic_category(), "e1.3: no"); });
    const StartError common = error_of(refusals);
    CHECK(common.exit_code() == cli::exit_no_permission);
    CHECK(common.messages() ==
          std::vector<std::string>{"e1.2: no: Permission denied; ask", "e1.3: no: Operation not permitted"});
    CHECK_FALSE(common.is_busy());
    refusals.attempt("interface x", [] { throw Failure(cli::exit_not_found, "interface x: none"); });
    refusals.attempt("e1.4", [] { throw std::system_error(EBUSY, std::generic_category(), "in use"); });
    const StartError mixed = error_of(refusals);
    CHECK(mixed.exit_code() == cli::exit_failed);
    CHECK(mixed.is_busy());
    CHECK(mixed.messages().size() == 4);
}

TEST_CASE("no exit code is the common one again once two have differed", "[cli]") {
    Refusals refusals;
    for (const int code : {cli::exit_configuration, cli::exit_failed, cli::exit_configuration, 1})
        refusals.attempt("e1.1", [code] { throw Failure(code, "no"); });
    CHECK(error_of(refusals).exit_code() == cli::exit_failed);
}
