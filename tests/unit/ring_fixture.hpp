// What the tests of the ring are made with: a handler that records, pipes, and short ways to submit.
#pragma once

#include "ring/ring.hpp"
#include "support/catch.hpp"
#include "support/patience.hpp"

#include <array>
#include <chrono>
#include <cstdlib>
#include <vector>

#include <poll.h>
#include <unistd.h>

namespace aoetest {

struct Pipe {
    Pipe() { expect(pipe(ends.data()) == 0); }
    ~Pipe() {
        close(ends[0]);
        close(ends[1]);
    }
    void put(char byte = 'x') { expect(write(ends[1], &byte, 1) == 1); }
    void get() {
        char byte = 0;
        expect(::read(ends[0], &byte, 1) == 1);
    }
    std::array<int, 2> ends{};

  private:
    /// Also called on threads that must not use the test framework.
    static void expect(bool condition) {
        if (!condition)
            std::abort();
    }
};

struct Recorder final : aoetarget::ring::CompletionHandler {
    struct Completion {
        std::uint64_t argument;
        int result;
    };
    void on_completion(std::uint64_t argument, int result, std::uint32_t) override {
        seen.push_back({argument, result});
    }
    std::vector<Completion> seen;
};

inline void submit_nop(aoetarget::ring::Ring& ring, aoetarget::ring::HandlerId id, std::uint64_t argument) {
    ring.submit(id, argument, [](io_uring_sqe* sqe) { io_uring_prep_nop(sqe); });
}

inline void submit_read(aoetarget::ring::Ring& ring, aoetarget::ring::HandlerId id, std::uint64_t argument,
                        int fd, char& into) {
    ring.submit(id, argument, [&](io_uring_sqe* sqe) { io_uring_prep_read(sqe, fd, &into, 1, 0); });
}

inline bool readable(int fd, std::chrono::milliseconds timeout) {
    pollfd wanted{fd, POLLIN, 0};
    return ::poll(&wanted, 1, static_cast<int>(timeout.count())) == 1;
}

} // namespace aoetest
