// What a target does when somebody asks for it over the control socket.
#pragma once

#include "control/budget.hpp"
#include "control/server.hpp"
#include "service/running_configuration.hpp"

#include <nlohmann/json.hpp>

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace cli {

/// What runs, as long as the control server does.
struct RunningTarget {
    TargetThreads& targets;
    RunningConfiguration& configuration;
    std::string name;
    std::chrono::system_clock::time_point start;
    /// Of `serve`, as it was given: with the file, they say what the target should be.
    std::string file;
    std::vector<std::string> arguments;
    std::string folder; ///< Where relative paths in these begin.
    /// Take note that a reload begins, and that the configuration has changed, or that it has not.
    std::function<void()> reloading, changed;
    /// Ends the targets as SIGTERM does.
    std::function<void()> stop;
    /// What its control connections hold.
    std::shared_ptr<Budget> budget;
};

class TargetSession final : public ControlSession {
  public:
    explicit TargetSession(const RunningTarget& running)
        : running_(running), account_(std::make_shared<Account>(Account{running.budget})) {}

    void handle(const nlohmann::json& request, std::vector<Descriptor> descriptors, Answer answer) override;

  private:
    void status(const nlohmann::json& request, const Answer& answer);
    void stats(const nlohmann::json& request, const Answer& answer);
    void initiators(const nlohmann::json& request, const Answer& answer);
    void config(const nlohmann::json& request, const Answer& answer);
    void open(const nlohmann::json& request, const Answer& answer);
    void add(const nlohmann::json& request, const Answer& answer);
    void remove(const nlohmann::json& request, const Answer& answer);
    void resize(const nlohmann::json& request, const Answer& answer);
    void reopen(const nlohmann::json& request, const Answer& answer);
    void reload(const nlohmann::json& request, const Answer& answer);
    void stop(const nlohmann::json& request, const Answer& answer);
    [[nodiscard]] std::string entry_of(const std::string& name) const;
    using Extent = Transition::Extent;
    void change_to(Configuration configuration, Extent extent, const Answer& answer);
    /// Calls `use` with the figures of this connection, now or when the threads have told them. They are new
    /// if the request begins anew with what has been asked of them before, or with the status.
    void with_figures(const nlohmann::json& request, const std::function<void(const aoetarget::Stats&)>& use);

    /// The parts of a configuration that a peer has sent, put together.
    struct Unfinished {
        nlohmann::json configuration;
        std::vector<Share> shares; ///< One for each part.
    };

    const RunningTarget& running_;
    std::shared_ptr<Account> account_;
    std::vector<Descriptor> descriptors_; ///< Of the present request.
    Opened opened_;                       ///< It waits for a change.
    /// All of one moment, so that the answers fit together.
    std::shared_ptr<std::optional<aoetarget::Stats>> figures_ =
        std::make_shared<std::optional<aoetarget::Stats>>();
    std::set<std::string> begun_;       ///< What was asked of these from its first page on.
    std::vector<nlohmann::json> parts_; ///< Of the configuration, for a peer that asks for them.
    std::size_t next_part_ = 0;
    Unfinished unfinished_;
};

} // namespace cli
