// The path to one target: requests that are told apart by their tags, and their answers.
#pragma once

#include <aoetarget/probe.hpp>

#include "initiator/questions.hpp"
#include "initiator/socket.hpp"

#include <optional>
#include <string>
#include <vector>

namespace aoetarget::initiator {

/// What to ask: nothing but reads.
struct Question {
    enum class Kind { config, identify, read };

    Kind kind = Kind::config;
    std::size_t request_bytes = protocol::min_frame_bytes; ///< Beyond the question itself it is padding.
    unsigned sectors = 0;                                  ///< Of a read, from the first sector on.
};

class Path {
  public:
    /// The socket has to receive frames with tags from `tag_base` on, and to outlive this.
    Path(const Socket& socket, const DiscoveredTarget& target, std::uint32_t tag_base);

    enum class Outcome { answered, refused, lost };
    /// Asks until there is an answer, a few times. A refusal is an answer that is an error.
    Outcome ask(const Question& question);
    /// Returns why the target refused the last question that it refused.
    [[nodiscard]] const std::string& refusal() const { return refusal_; }

    /// Sends some hundred requests, one in a millisecond, and fewer if answers do not come or take long. No
    /// more than `window` wait for answers at a time.
    ProbedSeries measure(const Question& question, unsigned window);

  private:
    struct Request {
        Question question;
        Clock::time_point sent = {};
        Clock::time_point answered = {};
        unsigned answers = 0;
        unsigned place = 0; ///< In the order of all first answers.
        std::size_t answer_bytes = 0;
        bool refused = false;
    };

    void send(const Question& question);
    /// Waits for frames until there is one or the time has come, and takes all there are.
    void receive(Clock::time_point deadline);
    void take(ConstBytes frame);
    /// Returns how many requests from the first on have no answer, without those that were sent before the
    /// given time.
    [[nodiscard]] std::size_t waiting_since(std::size_t first, Clock::time_point given_up_before) const;
    [[nodiscard]] ProbedSeries evaluate(std::size_t first) const;

    const Socket& socket_;
    const Route route_;
    const std::uint32_t tag_base_;
    std::vector<Request> requests_; ///< The number of each is the low half of its tag.
    unsigned answered_ = 0;
    std::string refusal_;
    std::vector<std::byte> buffer_;
};

} // namespace aoetarget::initiator
