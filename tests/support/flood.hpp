// A host that sends without ever listening, as fast as it can or at a given rate.
#pragma once

#include "raw_client.hpp"

#include <atomic>
#include <string>
#include <thread>

namespace aoetest {

class Flood {
  public:
    /// Sends the frames in turn, each with a tag of its own, `per_millisecond` of them in each millisecond;
    /// 0: as many as go.
    Flood(const std::string& interface, std::vector<Bytes> frames, unsigned per_millisecond = 0);
    ~Flood();
    Flood(const Flood&) = delete;
    Flood& operator=(const Flood&) = delete;

    void stop(); ///< Until then it goes on.
    [[nodiscard]] std::uint64_t sent() const { return sent_; }

  private:
    void run();
    void send_one();

    std::vector<Bytes> frames_;
    unsigned per_millisecond_;
    int fd_ = -1;
    std::uint32_t next_ = 0;
    std::atomic<std::uint64_t> sent_{0};
    std::atomic<bool> ending_{false};
    std::thread thread_;
};

} // namespace aoetest
