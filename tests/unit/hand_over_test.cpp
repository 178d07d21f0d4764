// A file device that another process has opened.
#include "file_disk.hpp"
#include "support/backing.hpp"
#include "support/catch.hpp"

#include <aoetarget/hand_over.hpp>
#include <aoetarget/target.hpp>

#include <cerrno>
#include <filesystem>
#include <map>
#include <optional>
#include <sstream>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace aoetest;
using aoetarget::Address;
using aoetarget::DeviceParts;
using aoetarget::FileDevice;
using aoetarget::FileOptions;
using aoetarget::open_file;
using aoetarget::put_together;
using aoetarget::take_apart;

namespace {

DeviceParts duplicated(const DeviceParts& parts) {
    DeviceParts copy = parts;
    for (int& descriptor : copy.descriptors)
        descriptor = fcntl(descriptor, F_DUPFD_CLOEXEC, 0);
    return copy;
}

void send(int socket, const DeviceParts& parts) {
    alignas(cmsghdr) std::byte control[CMSG_SPACE(DeviceParts::max_descriptors * sizeof(int))]{};
    const std::size_t bytes = parts.descriptors.size() * sizeof(int);
    iovec data{const_cast<char*>(parts.facts.data()), parts.facts.size()};
    msghdr message{};
    message.msg_iov = &data;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = CMSG_SPACE(bytes);
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(bytes);
    std::memcpy(CMSG_DATA(header), parts.descriptors.data(), bytes);
    sendmsg(socket, &message, 0);
}

DeviceParts receive(int socket) {
    DeviceParts parts;
    parts.facts.resize(DeviceParts::max_facts_bytes);
    alignas(cmsghdr) std::byte control[CMSG_SPACE(DeviceParts::max_descriptors * sizeof(int))]{};
    iovec data{parts.facts.data(), parts.facts.size()};
    msghdr message{};
    message.msg_iov = &data;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    const ssize_t got = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
    REQUIRE(got > 0);
    parts.facts.resize(static_cast<std::size_t>(got));
    const cmsghdr* header = CMSG_FIRSTHDR(&message);
    REQUIRE(header != nullptr);
    parts.descriptors.resize((header->cmsg_len - CMSG_LEN(0)) / sizeof(int));
    std::memcpy(parts.descriptors.data(), CMSG_DATA(header), parts.descriptors.size() * sizeof(int));
    return parts;
}

using Opener = std::unique_ptr<FileDevice> (*)(const std::string&, const FileOptions&);
constexpr Opener unclaimed = aoetarget::open_unclaimed;

/// The parts of a device that another process has opened, and has closed again by now.
DeviceParts opened_elsewhere(const std::string& path, const FileOptions& options = {},
                             Opener opener = open_file) {
    int sockets[2];
    REQUIRE(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets) == 0);
    const pid_t child = fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        try {
            send(sockets[1], take_apart(*opener(path, options)));
        } catch (const std::system_error&) {
            _exit(1);
        }
        _exit(0);
    }
    close(sockets[1]);
    int status = 0;
    REQUIRE(waitpid(child, &status, 0) == child);
    REQUIRE(status == 0);
    DeviceParts parts = receive(sockets[0]);
    close(sockets[0]);
    return parts;
}

struct Refusal {
    int error = 0;
    std::string text;
};

Refusal refusal_of(const std::function<void()>& work) {
    try {
        work();
    } catch (const std::system_error& error) {
        return {error.code().value(), error.what()};
    }
    return {};
}

int error_of(const std::function<void()>& work) {
    return refusal_of(work).error;
}

int error_of_opening(const std::string& path, const FileOptions& options = {}) {
    return error_of([&] { open_file(path, options); });
}

/// Returns whether nobody has the exclusive use of a disk.
bool is_free(const std::string& disk) {
    const int file = open(disk.c_str(), O_RDONLY | O_EXCL | O_CLOEXEC);
    close(file);
    return file >= 0;
}

FileOptions window(std::uint64_t first_sector, std::uint64_t sectors) {
    FileOptions options;
    options.offset_bytes = first_sector * sector_bytes;
    options.length_bytes = sectors * sector_bytes;
    return options;
}

// --- Hostile senders -----------------------------------------------------------------------------

/// The place of each fact among the texts that are sent.
enum class Fact : std::size_t {
    path = 1,
    regular,
    offset,
    end,
    sectors,
    logical_block,
    physical_block,
    physical_offset,
    memory_alignment,
    read_only,
    volatile_cache,
    discard,
    discard_zeroes,
    read_ahead,
    rotation_rate,
    blocks_submission,
    mode,
    identity,
    notes,
};
using Facts = std::map<Fact, std::string>;

std::string changed(const std::string& facts, const Facts& changes) {
    std::istringstream texts(facts);
    std::string all, text;
    for (std::size_t place = 0; std::getline(texts, text, '\0'); ++place) {
        const auto change = changes.find(static_cast<Fact>(place));
        all += (change == changes.end() ? text : change->second) + '\0';
    }
    return all;
}

int opened(const std::string& path, int flags) {
    const int file = open(path.c_str(), flags | O_CLOEXEC);
    REQUIRE(file >= 0);
    return file;
}

std::size_t open_files() {
    const std::filesystem::directory_iterator files("/proc/self/fd");
    return static_cast<std::size_t>(std::distance(begin(files), end(files)));
}

/// Checks that the parts are refused for this reason, and leave no file open.
void check_refused(const DeviceParts& parts, const std::string& words, int error = EBADMSG,
                   bool replaces = false) {
    const std::size_t files = open_files();
    const Refusal refusal = refusal_of([&] { put_together(parts, replaces); });
    CAPTURE(refusal.text);
    CHECK(refusal.error == error);
    CHECK(refusal.text.find(words) != std::string::npos);
    CHECK(open_files() == files - parts.descriptors.size());
}

/// Checks it for one change of the facts, with descriptors as they should be.
void check_lie(const DeviceParts& honest, const Facts& changes, const std::string& words) {
    CAPTURE(changes);
    DeviceParts parts = duplicated(honest);
    parts.facts = changed(parts.facts, changes);
    check_refused(parts, words);
}

/// Checks it for one other descriptor, with facts as they should be.
void check_swapped(const DeviceParts& honest, std::size_t place, int descriptor, const std::string& words,
                   int error = EBADMSG) {
    CAPTURE(place);
    DeviceParts parts = duplicated(honest);
    if (place == parts.descriptors.size())
        parts.descriptors.push_back(descriptor);
    else
        close(std::exchange(parts.descriptors[place], descriptor));
    check_refused(parts, words, error);
}

FileOptions with_cache(FileOptions options, aoetarget::Cache cache) {
    options.cache = cache;
    return options;
}

} // namespace

TEST_CASE("a device that another process has opened works here, and keeps its lock", "[hand-over]") {
    const ImageFile image(256);
    FileOptions options = window(64, 128);
    options.cache = GENERATE(aoetarget::Cache::direct, aoetarget::Cache::page);
    FileDisk disk(put_together(opened_elsewhere(image.path(), options)));
    CHECK(disk.geometry().sectors == 128);
    CHECK(disk.device().mode() ==
          (options.cache == aoetarget::Cache::page ? "page cache, stable" : "direct, stable"));
    CHECK(disk.read(0, 8) == pattern(64, 8));
    CHECK(disk.write(8, pattern(8, 8, 1)) == 0);
    CHECK(disk.flush() == 0);
    CHECK(image.read(72, 8) == pattern(8, 8, 1));
    CHECK(error_of_opening(image.path(), window(0, 65)) == EBUSY);
    CHECK(error_of_opening(image.path(), window(0, 64)) == 0);
    options.replaces = true; // so that the next one can share the lock
    CHECK(error_of_opening(image.path(), options) == 0);
    const std::string identity = disk.device().identity();
    disk.close();
    options.replaces = false;
    const auto again = open_file(image.path(), options);
    CHECK(again->identity() == identity);
}

TEST_CASE("a disk that another process has opened stays in exclusive use, which its windows share",
          "[hand-over]") {
    if (!is_real_root())
        SKIP_BECAUSE("loop devices need root");
    const ImageFile below(256);
    const LoopDevice loop(below.path());
    std::optional<FileDisk> disk(std::in_place, put_together(opened_elsewhere(loop.path(), window(0, 64))));
    CHECK(disk->discard({0, 8}) == 0); // through the file that has the exclusive use
    CHECK(disk->read(0, 8) == Bytes(8 * sector_bytes, 0));
    CHECK_FALSE(is_free(loop.path()));
    auto neighbour = open_file(loop.path(), window(64, 64));
    auto third = put_together(duplicated(take_apart(*neighbour)));
    disk.reset();
    neighbour.reset();
    CHECK_FALSE(is_free(loop.path()));
    CHECK(error_of_opening(loop.path(), window(64, 64)) == EBUSY);
    third.reset();
    CHECK(is_free(loop.path()));
}

TEST_CASE("a disk that is only read is handed over without exclusive use", "[hand-over]") {
    if (!is_real_root())
        SKIP_BECAUSE("loop devices need root");
    const ImageFile below(256);
    const LoopDevice loop(below.path());
    FileOptions options;
    options.read_only = true;
    const DeviceParts parts = opened_elsewhere(loop.path(), options);
    CHECK(parts.descriptors.size() == 2);
    FileDisk disk(put_together(parts));
    CHECK(disk.geometry().read_only);
    CHECK(disk.read(3, 8) == pattern(3, 8));
    CHECK(error_of_opening(loop.path()) == EBUSY);
}

TEST_CASE("parts that are damaged or incomplete are refused, and their files closed", "[hand-over]") {
    const ImageFile image(256);
    const auto device = open_file(image.path());
    const DeviceParts whole = take_apart(*device);
    const auto check_damaged = [&](const std::function<void(DeviceParts&)>& damage) {
        DeviceParts parts = duplicated(whole);
        const int last = parts.descriptors.back();
        damage(parts);
        CHECK(error_of([&] { put_together(parts); }) == EBADMSG);
        if (!parts.descriptors.empty() && parts.descriptors.back() == last)
            CHECK(fcntl(last, F_GETFD) == -1);
    };
    for (std::size_t length = 0; length < whole.facts.size(); ++length)
        check_damaged([&](DeviceParts& parts) { parts.facts.resize(length); });
    check_damaged([](DeviceParts& parts) { parts.facts += "more"; });
    check_damaged([](DeviceParts& parts) { parts.facts.front() = 'A'; });
    check_damaged([](DeviceParts& parts) {
        close(parts.descriptors.back());
        parts.descriptors.pop_back();
    });
    check_damaged([](DeviceParts& parts) { parts.descriptors.push_back(-1); });
    check_damaged([](DeviceParts& parts) { // no regular file
        int pipes[2];
        REQUIRE(pipe2(pipes, O_CLOEXEC) == 0);
        close(pipes[1]);
        parts.descriptors.push_back(pipes[0]);
    });
    CHECK(error_of([&] { put_together(duplicated(whole)); }) == 0);
}

TEST_CASE("facts that contradict each other or the file are refused, with the one that is wrong",
          "[hand-over]") {
    const ImageFile image(256);
    const auto device = open_file(image.path());
    const DeviceParts honest = take_apart(*device);
    REQUIRE(changed(honest.facts, {}) == honest.facts);
    const auto check = [&](const Facts& changes, const std::string& words) {
        check_lie(honest, changes, words);
    };
    check({{Fact::path, "disk.img"}}, "its path does not begin at the root");
    check({{Fact::path, ""}}, "its path does not begin at the root");
    for (const Fact boolean : {Fact::regular, Fact::read_only, Fact::volatile_cache, Fact::discard,
                               Fact::discard_zeroes, Fact::read_ahead, Fact::blocks_submission}) {
        for (const auto* value : {"2", "-1", "", "true"})
            check({{boolean, value}}, "its facts are damaged");
    }
    check({{Fact::regular, "0"}}, "the file is not a block device");

    check({{Fact::offset, "1"}}, "its offset is not at a logical block");
    check({{Fact::offset, "512"}, {Fact::logical_block, "4096"}, {Fact::physical_block, "4096"}},
          "its offset is not at a logical block");
    check({{Fact::offset, "65536"}, {Fact::identity, "x+65536"}}, "beyond the end of the file");
    check({{Fact::offset, "18446744073709551104"}}, "its window is impossible");
    check({{Fact::offset, "18446744073709551104"}, {Fact::end, "18446744073709551615"}},
          "its window is impossible");
    check({{Fact::end, "0"}}, "its window is impossible");
    check({{Fact::end, std::to_string((1ULL << 62) + 512)}}, "its window is impossible");
    check({{Fact::end, "18446744073709551616"}}, "its facts are damaged");
    check({{Fact::end, "65536"}}, "its sectors reach beyond its window");

    check({{Fact::sectors, "264"}}, "beyond the end of the file");
    for (const auto* sectors : {"0", "281474976710656", "36028797018963968", "18446744073709551615"})
        check({{Fact::sectors, sectors}}, "its geometry is impossible");
    for (const auto* bytes : {"0", "256", "768", "131072", "4294967295"})
        check({{Fact::logical_block, bytes}}, "its geometry is impossible");
    for (const auto* bytes : {"0", "256", "6144", "33554432"})
        check({{Fact::physical_block, bytes}}, "its geometry is impossible");
    check({{Fact::physical_offset, "65536"}}, "its geometry is impossible");
    for (const auto* bytes : {"0", "3", "8192"})
        check({{Fact::memory_alignment, bytes}}, "its geometry is impossible");
    check({{Fact::memory_alignment, "1"}}, "its memory is not aligned to its blocks");
    check({{Fact::rotation_rate, "7200"}}, "its rotation rate is impossible");
    check({{Fact::rotation_rate, "65536"}}, "its facts are damaged");

    check({{Fact::read_only, "1"}, {Fact::discard, "1"}}, "it is read-only and takes discards");
    check({{Fact::discard, "0"}, {Fact::discard_zeroes, "1"}}, "it discards otherwise than a file does");
    check({{Fact::volatile_cache, "1"}}, "its mode is not that of the file");
    check({{Fact::mode, "page cache, stable"}}, "its mode is not that of the file");
    check({{Fact::mode, ""}}, "its mode is not that of the file");
    check({{Fact::identity, "x"}}, "its identity does not name its offset");
    check({{Fact::notes, "1"}}, "its facts are damaged");
    check({{Fact::notes, "18446744073709551615"}}, "its facts are damaged");
    check({{Fact::notes, "17" + std::string(17, '\0')}}, "it has too many notes");
    check({{Fact::path, "/" + std::string(DeviceParts::max_facts_bytes, 'x')}}, "its facts are too long");
    CHECK(put_together(duplicated(honest))->geometry().sectors == 256);
}

TEST_CASE("a file that is another one, or open otherwise than open_file() opens it, is refused",
          "[hand-over]") {
    const ImageFile image(256);
    const ImageFile other(256);
    const auto device = open_file(image.path(), with_cache({}, aoetarget::Cache::direct));
    const DeviceParts honest = take_apart(*device);
    const std::string& path = image.path();
    check_swapped(honest, 0, opened(other.path(), O_RDWR | O_DIRECT), "another one than that of the data");
    check_swapped(honest, 1, opened(other.path(), O_RDWR), "the file of the lock is another one");
    check_swapped(honest, 0, opened("/", O_RDONLY), "the file is not a regular file");
    check_swapped(honest, 1, opened("/dev/null", O_RDWR), "the file of the lock is not a regular file");
    check_swapped(honest, 2, opened(path, O_RDWR), "only a block device that is written");
    for (const std::size_t place : {0U, 1U}) {
        check_swapped(honest, place, opened(path, O_RDONLY), "is not open for writing");
        check_swapped(honest, place, opened(path, O_WRONLY), "is not open for reading");
        check_swapped(honest, place, opened(path, O_PATH), "is not open for I/O (O_PATH)");
        check_swapped(honest, place, opened(path, O_RDWR | O_APPEND), "is open for appending (O_APPEND)");
        check_swapped(honest, place, opened(path, O_RDWR | O_NONBLOCK), "is open without waiting");
    }
    check_swapped(honest, 0, opened(path, O_RDWR), "its mode is not that of the file (O_DIRECT)");
    image.resize_bytes(255 * sector_bytes);
    check_refused(duplicated(honest), "beyond the end of the file");
}

TEST_CASE("facts that only the page cache makes wrong are refused", "[hand-over]") {
    const ImageFile image(256);
    const auto device = open_file(image.path(), with_cache({}, aoetarget::Cache::page));
    const DeviceParts honest = take_apart(*device);
    check_swapped(honest, 0, opened(image.path(), O_RDWR | O_DIRECT), "its mode is not that of the file");
    check_lie(honest, {{Fact::read_ahead, "1"}}, "it reads ahead although others may change the data");
    check_lie(honest, {{Fact::logical_block, "4096"}, {Fact::physical_block, "4096"}},
              "its logical blocks are not those of the page cache");
    CHECK(put_together(duplicated(honest))->mode() == "page cache, stable");
}

TEST_CASE("a device whose lock another open file has is refused", "[hand-over]") {
    const ImageFile image(256);
    const FileOptions left = with_cache(window(0, 64), aoetarget::Cache::direct);
    const auto device = open_file(image.path(), left);
    check_swapped(take_apart(*device), 1, opened(image.path(), O_RDWR),
                  "the file of its lock does not have it", EBUSY);
    FileOptions read_only = window(64, 64);
    read_only.read_only = true;
    const auto reader = open_file(image.path(), read_only);
    CHECK(error_of([&] { put_together(duplicated(take_apart(*reader))); }) == 0);
    DeviceParts second_reader = duplicated(take_apart(*reader));
    close(std::exchange(second_reader.descriptors[1], opened(image.path(), O_RDONLY)));
    CHECK(error_of([&] { put_together(second_reader); }) == 0); // readers share
    DeviceParts overlap = duplicated(take_apart(*reader));
    overlap.facts = changed(overlap.facts, {{Fact::offset, "31744"}, {Fact::identity, "x+31744"}});
    check_refused(overlap, "the file of its lock does not have it", EBUSY);
}

TEST_CASE("a lock that the sender does not have but nobody else either is taken", "[hand-over]") {
    const ImageFile image(256);
    const FileOptions options = with_cache(window(0, 64), aoetarget::Cache::direct);
    DeviceParts parts{take_apart(*open_file(image.path(), options)).facts,
                      {opened(image.path(), O_RDWR | O_DIRECT), opened(image.path(), O_RDWR)}};
    const auto device = put_together(parts);
    CHECK(error_of_opening(image.path(), options) == EBUSY);
    // The one for the cache too.
    CHECK(error_of_opening(image.path(), with_cache(window(64, 64), aoetarget::Cache::page)) == EBUSY);
}

TEST_CASE("a device that would write past the page cache while another writes through it is refused",
          "[hand-over]") {
    const ImageFile image(256);
    const FileOptions options = with_cache(window(0, 64), aoetarget::Cache::direct);
    const std::string facts = take_apart(*open_file(image.path(), options)).facts;
    const auto other = open_file(image.path(), with_cache(window(64, 64), aoetarget::Cache::page));
    check_refused({facts, {opened(image.path(), O_RDWR | O_DIRECT), opened(image.path(), O_RDWR)}},
                  "another export of the file uses the other cache", EBUSY);
}

TEST_CASE("a device is refused whose file is larger than this process may write", "[hand-over]") {
    const ImageFile image(256);
    const DeviceParts parts = opened_elsewhere(image.path());
    rlimit limit{};
    REQUIRE(getrlimit(RLIMIT_FSIZE, &limit) == 0);
    const rlimit low{.rlim_cur = 64 * sector_bytes, .rlim_max = limit.rlim_max};
    REQUIRE(setrlimit(RLIMIT_FSIZE, &low) == 0);
    const Refusal refusal = refusal_of([&] { put_together(parts); });
    REQUIRE(setrlimit(RLIMIT_FSIZE, &limit) == 0);
    CHECK(refusal.error == EFBIG);
    CHECK(refusal.text.find("raise 'ulimit -f'") != std::string::npos);
}

TEST_CASE("a block device that is not what its facts tell is refused", "[hand-over]") {
    if (!is_real_root())
        SKIP_BECAUSE("loop devices need root");
    const ImageFile below(256);
    const ImageFile below_other(256);
    const LoopDevice loop(below.path(), 4096);
    const LoopDevice other(below_other.path(), 4096);
    const auto cache = GENERATE(aoetarget::Cache::direct, aoetarget::Cache::page);
    CAPTURE(cache);
    const auto device = open_file(loop.path(), with_cache({}, cache));
    const DeviceParts honest = take_apart(*device);
    REQUIRE(honest.descriptors.size() == 3);
    check_lie(honest, {{Fact::regular, "1"}}, "the file is not a regular file");
    check_lie(honest, {{Fact::sectors, "264"}}, "beyond the end of the file or device");
    if (cache == aoetarget::Cache::direct)
        check_lie(honest, {{Fact::logical_block, "512"}}, "its logical blocks are smaller than the device's");
    else
        check_lie(honest, {{Fact::blocks_submission, "0"}}, "its operations block their submission");
    check_lie(
        honest,
        {{Fact::read_only, "1"},
         {Fact::discard, "0"},
         {Fact::discard_zeroes, "0"},
         {Fact::mode, cache == aoetarget::Cache::direct ? "direct, read-only" : "page cache, read-only"}},
        "only a block device that is written has a file of the exclusive use");
    check_swapped(honest, 2, opened(other.path(), O_RDWR), "the file of the exclusive use is another one");
    check_swapped(honest, 2, opened(loop.path(), O_RDONLY), "the file of the exclusive use is not open for");
    check_swapped(honest, 2, opened(below.path(), O_RDWR), "the file of the exclusive use is not a block");
    CHECK(error_of([&] { put_together(duplicated(honest)); }) == 0);
}

TEST_CASE("a device that is opened without a claim shares that of the one that it replaces", "[hand-over]") {
    const ImageFile image(256);
    const auto cache = GENERATE(aoetarget::Cache::direct, aoetarget::Cache::page);
    FileDisk old(open_file(image.path(), with_cache(window(64, 64), aoetarget::Cache::direct)));
    const DeviceParts parts = opened_elsewhere(image.path(), with_cache(window(64, 128), cache), unclaimed);
    CHECK(parts.descriptors.size() == 1);
    FileDisk next(put_together(parts, true));
    CHECK(old.write(0, pattern(0, 8, 1)) == 0);
    CHECK(old.flush() == 0);
    old.close();
    CHECK(next.read(0, 8) == pattern(0, 8, 1));
    CHECK(next.write(120, pattern(0, 8, 2)) == 0);
    CHECK(error_of_opening(image.path(), window(64, 8)) == EBUSY);
    CHECK(error_of_opening(image.path(), window(184, 8)) == EBUSY);
    next.close();
    CHECK(error_of_opening(image.path()) == 0);
}

TEST_CASE("a device that shall replace another changes no lock of that one unless it does", "[hand-over]") {
    const ImageFile image(256);
    const auto direct = aoetarget::Cache::direct, page = aoetarget::Cache::page;
    FileOptions reader = with_cache(window(64, 64), direct);
    reader.read_only = true;
    const FileOptions next =
        GENERATE_COPY(with_cache(window(64, 128), direct), reader, with_cache(window(64, 32), direct),
                      with_cache(window(64, 64), page));
    const bool sent = GENERATE(true, false);
    FileOptions here = next;
    here.replaces = true;
    auto old = open_file(image.path(), with_cache(window(64, 64), direct));
    auto new_one = sent ? put_together(opened_elsewhere(image.path(), next, unclaimed), true)
                        : open_file(image.path(), here);
    reader.offset_bytes = 127 * sector_bytes;
    reader.length_bytes = sector_bytes;
    CHECK(error_of_opening(image.path(), reader) == EBUSY); // the old one still writes there

    SECTION("it does not") {
        new_one.reset();
        CHECK(error_of_opening(image.path(), reader) == EBUSY);
        CHECK(error_of_opening(image.path(), with_cache(window(128, 64), direct)) == 0);
        CHECK(error_of_opening(image.path(), with_cache(window(128, 64), page)) == EBUSY);
    }
    SECTION("it does") {
        old.reset();
        const std::uint64_t end = next.offset_bytes + next.length_bytes;
        CHECK(error_of_opening(image.path(), window(64, 1)) == EBUSY);
        CHECK((error_of_opening(image.path(), reader) == EBUSY) ==
              (!next.read_only && end >= 128 * sector_bytes));
        CHECK(error_of_opening(image.path(), window(end / sector_bytes, 1)) == 0);
        const auto writing_with = [&](aoetarget::Cache cache) {
            return error_of_opening(image.path(), with_cache(window(0, 64), cache));
        };
        CHECK((writing_with(page) == 0) == (next.read_only || next.cache == page));
        CHECK((writing_with(direct) == 0) == (next.read_only || next.cache == direct));
    }
}

TEST_CASE("a device that only reads replaces any of several with the same window", "[hand-over]") {
    const ImageFile image(256);
    FileOptions reader = window(64, 64);
    reader.read_only = true;
    aoetarget::Target target;
    for (const Address address : {Address{1, 1}, Address{1, 2}}) {
        aoetarget::ExportOptions options;
        options.address = address;
        target.add_export(options, open_file(image.path(), reader));
    }
    for (const Address address : {Address{1, 1}, Address{1, 2}})
        CHECK(target.replace_device(address,
                                    put_together(opened_elsewhere(image.path(), reader, unclaimed), true)));
}

TEST_CASE("a device without a claim is refused unless it replaces one with the same window", "[hand-over]") {
    const ImageFile image(256);
    FileOptions reader = with_cache(window(64, 64), aoetarget::Cache::direct);
    reader.read_only = true;
    const auto open_elsewhere = [&](const FileOptions& options) {
        return opened_elsewhere(image.path(), options, unclaimed);
    };
    check_refused(open_elsewhere({}), "it has no lock, and is to replace no other");
    check_refused(open_elsewhere({}), "it was sent without a lock, and no export here", EBADMSG, true);
    const auto other = open_file(image.path(), window(128, 64));
    check_refused(open_elsewhere(window(64, 64)), "no export here has this part of it", EBADMSG, true);
    auto device = open_file(image.path(), window(64, 64));
    check_refused(open_elsewhere(window(64, 65)), "another export or program has", EBUSY, true);
    CHECK(error_of([&] { put_together(open_elsewhere(reader), true); }) == 0);
    device.reset();
    device = open_file(image.path(), reader);
    check_refused(open_elsewhere(window(64, 64)), "cannot share the lock of a read-only one", EBUSY, true);
}

TEST_CASE("a disk that is opened without a claim shares the exclusive use", "[hand-over]") {
    if (!is_real_root())
        SKIP_BECAUSE("loop devices need root");
    const ImageFile below(256);
    const LoopDevice loop(below.path());
    auto old = open_file(loop.path());
    FileDisk next(put_together(opened_elsewhere(loop.path(), {}, unclaimed), true));
    old.reset();
    CHECK(next.discard({0, 8}) == 0); // through the file that has the exclusive use
    CHECK_FALSE(is_free(loop.path()));
    next.close();
    CHECK(is_free(loop.path()));
}

TEST_CASE("a disk may be read ahead only with the exclusive use that it shares", "[hand-over]") {
    if (!is_real_root())
        SKIP_BECAUSE("loop devices need root");
    const ImageFile below(256);
    const LoopDevice loop(below.path());
    FileOptions options = with_cache({}, aoetarget::Cache::direct);
    options.force = GENERATE(false, true);
    const auto old = open_file(loop.path(), options);
    DeviceParts parts = opened_elsewhere(loop.path(), options, unclaimed);
    parts.facts = changed(parts.facts, {{Fact::read_ahead, "1"}});
    if (options.force)
        check_refused(parts, "no export here has its exclusive use", EBADMSG, true);
    else
        CHECK(put_together(parts, true)->geometry().read_ahead);
}

TEST_CASE("a target does not serve what was opened without a claim", "[hand-over]") {
    const ImageFile image(256);
    aoetarget::Target target;
    aoetarget::ExportOptions options;
    options.address = {1, 1};
    CHECK(error_of([&] { target.add_export(options, aoetarget::open_unclaimed(image.path())); }) == EINVAL);
    target.add_export(options, open_file(image.path()));
    CHECK(error_of([&] {
              target.replace_device({1, 1}, aoetarget::open_unclaimed(image.path()));
          }) == EINVAL);
    CHECK(target.replace_device({1, 1}, put_together(opened_elsewhere(image.path(), {}, unclaimed), true)));
}

TEST_CASE("only disks with a name of their own are known again without being opened", "[hand-over]") {
    const ImageFile image(256);
    CHECK(aoetarget::find_own_identity(image.path()).empty());
    CHECK(aoetarget::find_own_identity(image.path() + "-none").empty());
    if (!is_real_root())
        SKIP_BECAUSE("loop devices need root");
    const LoopDevice loop(image.path());
    CHECK(aoetarget::find_own_identity(loop.path()).empty());
    const WorldWideName named(loop.path(), "naa.5000c500a1b2c3d4");
    const FileOptions options = window(8, 64);
    CHECK(aoetarget::find_own_identity(loop.path(), options) == "naa.5000c500a1b2c3d4+4096");
    CHECK(aoetarget::find_own_identity(loop.path(), options) == open_file(loop.path(), options)->identity());
}

// --- Files that a service manager has opened -----------------------------------------------------

TEST_CASE("a file that somebody else has opened is checked and locked as any other", "[storage]") {
    const ImageFile image(64);
    const std::string identity = open_file(image.path())->identity();
    {
        const auto device =
            aoetarget::adopt_file(opened(image.path(), O_RDWR | O_APPEND | O_NONBLOCK), image.path());
        CHECK(device->geometry().sectors == 64);
        CHECK(device->notes().empty());
        CHECK(device->identity() == identity);
        const int flags = fcntl(take_apart(*device).descriptors.front(), F_GETFL);
        CHECK((flags & (O_APPEND | O_NONBLOCK)) == 0);
        CHECK(error_of_opening(image.path()) == EBUSY);
        CHECK(error_of([&] { aoetarget::adopt_file(opened(image.path(), O_RDWR), image.path()); }) == EBUSY);
    }
    CHECK(error_of_opening(image.path()) == 0);
    FileOptions read_only;
    read_only.read_only = true;
    CHECK(
        aoetarget::adopt_file(opened(image.path(), O_RDONLY), image.path(), read_only)->geometry().read_only);
    CHECK(aoetarget::adopt_file(opened(image.path(), O_RDWR), image.path(), window(8, 16))
              ->geometry()
              .sectors == 16);
}

TEST_CASE("one open file is not taken twice, whatever the windows", "[storage][hand-over]") {
    const ImageFile image(64);
    FileOptions first = with_cache(window(0, 32), aoetarget::Cache::page);
    FileOptions second = with_cache(GENERATE(window(0, 32), window(32, 32)), aoetarget::Cache::page);
    first.read_only = second.read_only = GENERATE(false, true);
    const int file = opened(image.path(), O_RDWR), again = dup(file);
    const int later = dup(file), anew = opened(image.path(), O_RDWR);
    {
        const auto device = aoetarget::adopt_file(file, image.path(), first);
        const Refusal refusal = refusal_of([&] { aoetarget::adopt_file(again, image.path(), second); });
        CHECK(refusal.error == EBUSY);
        CHECK_THAT(refusal.text, Catch::Contains(image.path()) && Catch::Contains("the same open file"));
        if (first.read_only || second.offset_bytes != 0)
            CHECK(aoetarget::adopt_file(anew, image.path(), second) != nullptr);
        else
            close(anew);
    }
    CHECK(aoetarget::adopt_file(later, image.path(), second) != nullptr);
}

TEST_CASE("one open file that was sent is not taken twice", "[hand-over]") {
    const ImageFile image(256);
    const DeviceParts parts = opened_elsewhere(image.path());
    const DeviceParts again = duplicated(parts);
    const auto device = put_together(parts);
    check_refused(again, "the same open file", EBUSY);
}

TEST_CASE("a file that is not as its export needs it is refused, and closed", "[storage]") {
    const ImageFile image(64), other(64);
    const std::size_t files = open_files();
    const auto text_of = [&](const std::string& path, int flags, const FileOptions& options = {}) {
        const int file = opened(path, flags);
        const Refusal refusal = refusal_of([&] { aoetarget::adopt_file(file, image.path(), options); });
        CHECK(refusal.error == EINVAL);
        return refusal.text;
    };
    FileOptions read_only;
    read_only.read_only = true;
    CHECK_THAT(text_of(image.path(), O_RDONLY), Catch::Contains("reading and writing"));
    CHECK_THAT(text_of(image.path(), O_WRONLY), Catch::Contains("reading and writing"));
    CHECK_THAT(text_of(image.path(), O_WRONLY, read_only), Catch::Contains("open for reading"));
    CHECK_THAT(text_of(image.path(), O_PATH, read_only), Catch::Contains("open for reading"));
    CHECK_THAT(text_of(other.path(), O_RDWR), Catch::Contains("another file"));
    CHECK_THAT(text_of("/dev/null", O_RDWR), Catch::Contains("neither of a regular file"));
    CHECK_THAT(text_of(image.path(), O_RDWR, window(32, 64)), Catch::Contains("length"));
    CHECK(error_of([&] { aoetarget::adopt_file(-1, image.path()); }) != 0);
    CHECK(open_files() == files);
}
