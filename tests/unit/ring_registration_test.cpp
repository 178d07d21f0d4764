// Files and buffers that are registered with the ring.
#include "ring_fixture.hpp"

#include <utility>

#include <fcntl.h>
#include <sys/resource.h>

using namespace aoetarget::ring;
using namespace aoetest;

TEST_CASE("a registered file is used though its descriptor is closed", "[ring][files]") {
    const Patience patience;
    Ring ring(256);
    Pipe pipe;
    Recorder recorder;
    const HandlerId id = ring.add_handler(recorder);
    const int copy = dup(pipe.ends[0]);
    const RingFile file = ring.register_file(copy);
    REQUIRE(file.registered);
    close(copy);
    pipe.put('r');
    char byte = 0;
    ring.submit(id, 1, [&](io_uring_sqe* sqe) {
        io_uring_prep_read(sqe, -1, &byte, 1, 0);
        file.apply(sqe);
    });
    while (ring.outstanding(id) > 0)
        ring.wait();
    CHECK(byte == 'r');
    ring.unregister_file(file);
}

TEST_CASE("files beyond the table are used by their descriptors", "[ring][files]") {
    const Patience patience;
    rlimit limit{};
    getrlimit(RLIMIT_NOFILE, &limit);
    const rlimit before = limit;
    limit.rlim_cur = 64;
    setrlimit(RLIMIT_NOFILE, &limit);
    {
        Ring ring(256);
        setrlimit(RLIMIT_NOFILE, &before);
        Pipe pipe;
        Recorder recorder;
        const HandlerId id = ring.add_handler(recorder);
        std::vector<RingFile> files;
        for (int i = 0; i < 64; ++i) {
            files.push_back(ring.register_file(pipe.ends[0]));
            CHECK(files.back().registered);
        }
        const RingFile plain = ring.register_file(pipe.ends[0]);
        CHECK_FALSE(plain.registered);
        CHECK(plain.index_or_fd == pipe.ends[0]);
        pipe.put('p');
        char byte = 0;
        ring.submit(id, 1, [&](io_uring_sqe* sqe) {
            io_uring_prep_read(sqe, -1, &byte, 1, 0);
            plain.apply(sqe);
        });
        while (ring.outstanding(id) > 0)
            ring.wait();
        CHECK(byte == 'p');
        ring.unregister_file(plain);
        ring.unregister_file(files.back());
        CHECK(ring.register_file(pipe.ends[0]).registered);
    }
    setrlimit(RLIMIT_NOFILE, &before);
}

TEST_CASE("registered buffers are found by their bytes, and there are 64 of them", "[ring][buffers]") {
    const Patience patience;
    Ring ring(256);
    constexpr std::size_t page = 4096, most = 64;
    std::vector<std::byte> memory(page * (most + 2));
    const auto part = [&](std::size_t i) { return std::span(memory).subspan(i * page, page); };
    if (!ring.register_buffer(part(0)))
        SKIP_BECAUSE("the limit of locked memory forbids it");
    CHECK(ring.buffer_index(part(0).data(), page) >= 0);
    CHECK(ring.buffer_index(part(0).data() + 10, page - 10) == ring.buffer_index(part(0).data(), page));
    CHECK(ring.buffer_index(part(0).data() + 10, page) == -1); // reaches beyond it
    CHECK(ring.buffer_index(part(1).data(), 1) == -1);
    for (std::size_t i = 1; i < most; ++i)
        CHECK(ring.register_buffer(part(i)));
    CHECK_FALSE(ring.register_buffer(part(most)));
    ring.unregister_buffer(part(3));
    CHECK(ring.buffer_index(part(3).data(), page) == -1);
    CHECK(ring.register_buffer(part(most)));
    CHECK(ring.buffer_index(part(most).data(), page) == 3);
    ring.unregister_buffer(part(most + 1)); // unknown: nothing happens
}

TEST_CASE("the features tell of buffers as they are: all registered, some, or none", "[ring][buffers]") {
    Ring ring(256);
    constexpr std::size_t page = 4096;
    std::vector<std::byte> memory(2 * page);
    const auto one = std::span(memory).first(page), other = std::span(memory).last(page);
    const std::span refused(reinterpret_cast<std::byte*>(page), page); // nothing is there
    const auto tells = [&](const char* what) { return ring.features().find(what) != std::string::npos; };
    CHECK_FALSE(ring.register_buffer(refused));
    CHECK(tells(", plain buffers"));
    if (!ring.register_buffer(one) || !ring.register_buffer(other))
        SKIP_BECAUSE("the limit of locked memory forbids it");
    CHECK(tells(", 2 registered and 1 plain buffers"));
    ring.unregister_buffer(refused);
    CHECK(tells(", registered buffers"));
    CHECK_FALSE(ring.register_buffer(refused));
    ring.unregister_buffer(one);
    ring.unregister_buffer(other);
    CHECK(tells(", plain buffers"));
}

TEST_CASE("the ring lets go of its files when it is told to, and not only some time later", "[ring][files]") {
    const Patience patience;
    Ring ring(256);
    Pipe pipe;
    const int copy = dup(pipe.ends[1]);
    const RingFile file = ring.register_file(copy);
    REQUIRE(file.registered);
    close(copy);
    close(std::exchange(pipe.ends[1], -1));
    ring.poll(); // restricts its operations
    ring.release_files();
    char byte = 0;
    CHECK(fcntl(pipe.ends[0], F_SETFL, O_NONBLOCK) == 0);
    CHECK(read(pipe.ends[0], &byte, 1) == 0); // nobody can write any more
    ring.unregister_file(file);
    CHECK_FALSE(ring.register_file(pipe.ends[0]).registered);
}
