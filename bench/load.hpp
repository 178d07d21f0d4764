// Runs one workload: keeps the window full, measures, and repeats lost requests.
#pragma once

#include "plan.hpp"
#include "port.hpp"
#include "workload.hpp"

#include <chrono>
#include <cstdint>
#include <span>
#include <vector>

namespace bench {

class Load {
  public:
    Load(Port& port, const Workload& workload, std::span<const Export> exports);

    // Throws when the target stops answering.
    Result run();

  private:
    using Clock = std::chrono::steady_clock;
    using Time = Clock::time_point;

    // One place in the window. Its number is in the low half of the tag, so an answer finds it at once.
    struct Place {
        Step step;
        std::uint32_t tag;
        bool waiting;
        unsigned retransmits;
        std::size_t frame_bytes;
        Time first_sent;
        Time last_sent;
    };

    std::span<std::byte> frame_of(std::size_t place);
    bool wants_more() const;
    void issue(std::size_t place, Time now);
    void flush();
    void handle(std::size_t received, Time now);
    void complete(Place& place, const wire::Answer& answer, std::size_t received, Time now);
    void retransmit_overdue(Time now);
    void begin_counting(Time now);
    void end_counting(Time now);
    TargetUse target_use() const;
    void housekeeping(Time now);
    void show_progress(Time now);

    Port& port_;
    const Workload& workload_;
    std::span<const Export> exports_;
    Plan plan_;
    std::size_t frame_stride_;
    std::vector<std::byte> frames_;
    std::vector<Place> places_;
    std::vector<iovec> outgoing_;
    std::size_t opened_ = 0; // places in use: the window opens by one with each answer, not with a burst
    std::size_t outstanding_ = 0;
    std::uint64_t issued_ = 0;
    int index_bits_; ///< Of a tag, which place it belongs to.
    std::uint32_t sequence_;

    enum class Phase { warmup, counting, draining };
    Phase phase_ = Phase::warmup;
    Result result_;
    TargetUse use_before_;
    Time started_;
    Time counting_since_;
    Time next_housekeeping_;
    Time next_progress_;
    std::uint64_t shown_requests_ = 0;
    Clock::duration busy_{};
};

} // namespace bench
