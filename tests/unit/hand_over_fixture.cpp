// Opens a device in a child, which sends it and ends.
#include "hand_over_fixture.hpp"

#include "support/open_files.hpp"

#include <cstring>
#include <sstream>

#include <sys/socket.h>
#include <sys/wait.h>

namespace aoetest {

using aoetarget::DeviceParts;
using aoetarget::FileOptions;

namespace {

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

} // namespace

DeviceParts opened_elsewhere(const std::string& path, const FileOptions& options, Opener opener) {
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

DeviceParts duplicated(const DeviceParts& parts) {
    DeviceParts copy = parts;
    for (int& descriptor : copy.descriptors)
        descriptor = fcntl(descriptor, F_DUPFD_CLOEXEC, 0);
    return copy;
}

int opened(const std::string& path, int flags) {
    const int file = open(path.c_str(), flags | O_CLOEXEC);
    REQUIRE(file >= 0);
    return file;
}

std::string changed(const std::string& facts, const Facts& changes) {
    std::istringstream texts(facts);
    std::string all, text;
    for (std::size_t place = 0; std::getline(texts, text, '\0'); ++place) {
        const auto change = changes.find(static_cast<Fact>(place));
        all += (change == changes.end() ? text : change->second) + '\0';
    }
    return all;
}

void check_refused(const DeviceParts& parts, const std::string& words, int error, bool replaces) {
    const std::size_t files = open_files();
    const Refusal refused = refusal_of([&] { put_together(parts, replaces); });
    CAPTURE(refused.text);
    CHECK(refused.error == error);
    CHECK(refused.says(words));
    CHECK(open_files() == files - parts.descriptors.size());
}

} // namespace aoetest
