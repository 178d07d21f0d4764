#if !__has_include(<catch2/catch_all.hpp>)
#define CATCH_CONFIG_RUNNER
#endif
#include "catch.hpp"

#include <iostream>
#include <stdexcept>

namespace {

#if __has_include(<catch2/catch_all.hpp>)
using ListenerBase = Catch::EventListenerBase;
#else
using ListenerBase = Catch::TestEventListenerBase;
#endif

struct Tally {
    unsigned passed = 0;
    unsigned failed = 0;
    unsigned skipped = 0;
    std::string running;
    bool running_is_skipped = false;
    bool run_started = false; // not when only lists or help were asked for
};

Tally& tally() {
    static Tally instance;
    return instance;
}

struct TallyListener : ListenerBase {
    using ListenerBase::ListenerBase;

    void testRunStarting(const Catch::TestRunInfo& info) override {
        ListenerBase::testRunStarting(info);
        tally().run_started = true;
    }

    void testCaseStarting(const Catch::TestCaseInfo& info) override {
        ListenerBase::testCaseStarting(info);
        tally().running = info.name;
        tally().running_is_skipped = false;
    }

    void testCaseEnded(const Catch::TestCaseStats& stats) override {
        ListenerBase::testCaseEnded(stats);
        if (stats.totals.testCases.failed > 0)
            ++tally().failed;
        else if (tally().running_is_skipped)
            ++tally().skipped;
        else
            ++tally().passed;
    }
};

} // namespace

CATCH_REGISTER_LISTENER(TallyListener)

namespace aoetest {

void report_failure(const std::string& message) {
    FAIL_CHECK(message);
}

void abort_test(const std::string& message) {
    FAIL(message);
    throw std::logic_error("FAIL returned"); // not reached: FAIL throws
}

void note_skip(const std::string& reason) {
    tally().running_is_skipped = true;
    std::cout << "skipped: " << tally().running << ": " << reason << std::endl;
    SUCCEED("skipped: " << reason);
}

} // namespace aoetest

int main(int argc, char* argv[]) {
    Catch::Session session;
    const int usage = session.applyCommandLine(argc, argv);
    if (usage != 0)
        return usage;
    const int result = session.run();
    const Tally& ran = tally();
    if (!ran.run_started)
        return result;
    std::cout << ran.passed << " passed, " << ran.failed << " failed, " << ran.skipped << " skipped"
              << std::endl;
    const bool ran_none = ran.passed + ran.failed + ran.skipped == 0; // a name or tag that no case has
    return ran_none && result == 0 ? 1 : result;
}
