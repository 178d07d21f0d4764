// The state of exports on disk: the text, and the directory that keeps it.
#include "storage/state_directory.hpp"
#include "storage/state_file.hpp"
#include "support/backing.hpp"
#include "support/catch.hpp"
#include "support/patience.hpp"

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <functional>
#include <sstream>
#include <system_error>

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

using namespace aoetarget;
using aoetest::Patience;
using core::ProtocolState;
using storage::encode_state, storage::parse_state;

namespace {

MacAddress mac(std::uint8_t last) {
    return {{2, 0, 0, 0, 0, last}};
}

ProtocolState example() {
    ProtocolState state;
    const std::string text("a\0\n b", 5);
    state.config.assign(std::as_bytes(std::span(text)));
    state.mask_list.add(mac(1));
    state.mask_list.add(mac(2));
    state.reservation.add(mac(3));
    return state;
}

ProtocolState fullest() {
    ProtocolState state;
    state.config.assign(std::vector<std::byte>(protocol::max_config_string, std::byte{0xFE}));
    for (unsigned i = 0; i < core::MacList::max_entries; ++i) {
        state.mask_list.add(mac(static_cast<std::uint8_t>(i)));
        state.reservation.add(mac(static_cast<std::uint8_t>(255 - i)));
    }
    return state;
}

struct Folder : aoetest::ScratchFolder {
    [[nodiscard]] std::string at(const std::string& name) const { return path() + "/" + name; }
    [[nodiscard]] std::string text(const std::string& name) const {
        std::ostringstream all;
        all << std::ifstream(at(name)).rdbuf();
        return all.str();
    }
    void write(const std::string& name, const std::string& text) const { std::ofstream(at(name)) << text; }
};

struct Saved final : core::StateSaver {
    void saved(int error) override { result = error; }
    std::optional<int> result;
};

int save(ring::Ring& ring, storage::StateDirectory& directory, const Address& address,
         const ProtocolState& state) {
    Saved saved;
    directory.save(address, state, saved);
    while (!saved.result)
        ring.wait();
    return *saved.result;
}

// What may lie in the place of a file; nothing of it is followed, waited for, or written to.
struct Obstacle {
    const char* name;
    std::function<void(const Folder& folder, const std::string& file)> put;
};

const std::vector<Obstacle> obstacles{
    {"a FIFO", [](const Folder&, const std::string& file) { REQUIRE(mkfifo(file.c_str(), 0600) == 0); }},
    {"a symbolic link",
     [](const Folder& folder, const std::string& file) {
         REQUIRE(symlink(folder.at("precious").c_str(), file.c_str()) == 0);
     }},
    {"a symbolic link to nothing",
     [](const Folder& folder, const std::string& file) {
         REQUIRE(symlink(folder.at("nothing").c_str(), file.c_str()) == 0);
     }},
    {"a hard link",
     [](const Folder& folder, const std::string& file) {
         REQUIRE(link(folder.at("precious").c_str(), file.c_str()) == 0);
     }},
    {"a socket",
     [](const Folder&, const std::string& file) {
         sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
         file.copy(address.sun_path, sizeof address.sun_path - 1);
         const ring::FileDescriptor socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
         REQUIRE(bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
     }},
};

std::string refusal_to_load(storage::StateDirectory& directory) {
    try {
        directory.load({1, 1});
    } catch (const std::system_error& error) {
        return error.what();
    }
    return "none";
}

} // namespace

TEST_CASE("the state of an export is text, and the same again when it is read", "[storage][state]") {
    CHECK(encode_state(example()) == "aoetarget state 1\n"
                                     "config 61000A2062\n"
                                     "mask 02:00:00:00:00:01\n"
                                     "mask 02:00:00:00:00:02\n"
                                     "reserve 02:00:00:00:00:03\n"
                                     "checksum 2F572D0796A4D8CB\n");
    for (const ProtocolState& state : {ProtocolState{}, example(), fullest()}) {
        const auto again = parse_state(encode_state(state));
        REQUIRE(again);
        CHECK(*again == state);
    }
}

TEST_CASE("a state with any byte changed, or cut anywhere, is not taken", "[storage][state]") {
    const std::string whole = encode_state(example());
    for (std::size_t at = 0; at < whole.size(); ++at) {
        CAPTURE(at);
        CHECK_FALSE(parse_state(whole.substr(0, at)));
        std::string changed = whole;
        changed[at] = static_cast<char>(changed[at] ^ 1);
        CHECK_FALSE(parse_state(changed));
    }
    CHECK_FALSE(parse_state(whole + whole));
    CHECK_FALSE(parse_state(whole + "\n"));
}

TEST_CASE("a saved state is loaded, and replaced as a whole", "[storage][state]") {
    const Folder folder;
    ring::Ring ring(64);
    {
        storage::StateDirectory directory(ring, folder.at("made"));
        CHECK(directory.load({1, 2}).state == ProtocolState{});
        CHECK(directory.load({1, 3}).note.empty());
        CHECK(save(ring, directory, {1, 2}, fullest()) == 0);
        CHECK(save(ring, directory, {1, 2}, example()) == 0);
        CHECK(save(ring, directory, {1, 3}, fullest()) == 0);
    }
    CHECK(folder.text("made/e1.2.state") == encode_state(example()));
    CHECK_FALSE(std::filesystem::exists(folder.at("made/e1.2.state.new")));
    storage::StateDirectory directory(ring, folder.at("made"));
    const auto loaded = directory.load({1, 2});
    CHECK(loaded.state == example());
    CHECK(loaded.note.empty());
    CHECK(directory.load({1, 3}).state == fullest());
}

TEST_CASE("a damaged state is set aside and reported", "[storage][state]") {
    const Folder folder;
    folder.write("e1.1.state", "aoetarget state 1\nmask 02:00:00:00:00:01\n");
    ring::Ring ring(64);
    storage::StateDirectory directory(ring, folder.path());
    const auto loaded = directory.load({1, 1});
    CHECK(loaded.state == ProtocolState{});
    CHECK(loaded.note.find("e1.1.state is damaged and is now") != std::string::npos);
    CHECK(folder.text("e1.1.state.damaged") == "aoetarget state 1\nmask 02:00:00:00:00:01\n");
    CHECK_FALSE(std::filesystem::exists(folder.at("e1.1.state")));
}

TEST_CASE("a state that cannot be saved leaves the old one", "[storage][state]") {
    const Folder folder;
    ring::Ring ring(64);
    storage::StateDirectory directory(ring, folder.path());
    CHECK(directory.load({1, 1}).note.empty());
    CHECK(save(ring, directory, {1, 1}, example()) == 0);
    std::filesystem::create_directory(folder.at("e1.1.state.new")); // nothing can be written there
    CHECK(save(ring, directory, {1, 1}, fullest()) == EISDIR);
    std::filesystem::remove(folder.at("e1.1.state.new"));
    CHECK(folder.text("e1.1.state") == encode_state(example()));
    CHECK(save(ring, directory, {1, 1}, fullest()) == 0);
}

TEST_CASE("a state is read from a regular file with one name only, and the start never waits",
          "[storage][state]") {
    ring::Ring ring(64);
    for (const Obstacle& obstacle : obstacles) {
        CAPTURE(obstacle.name);
        const Folder folder;
        folder.write("precious", encode_state(example()));
        storage::StateDirectory directory(ring, folder.path());
        obstacle.put(folder, folder.at("e1.1.state"));
        const Patience patience;
        const std::string refusal = refusal_to_load(directory);
        CHECK(refusal.starts_with(folder.at("e1.1.state") + ": cannot read the state of an export"));
        CHECK(refusal.find(obstacle.name == std::string("a hard link")
                               ? "put a copy in its place"
                               : "it is not a regular file") != std::string::npos);
        CHECK(folder.text("precious") == encode_state(example()));
    }
    const Folder folder;
    std::filesystem::create_directory(folder.at("e1.1.state"));
    storage::StateDirectory directory(ring, folder.path());
    CHECK(refusal_to_load(directory).find("it is not a regular file; remove it") != std::string::npos);
}

TEST_CASE("a state that another user owns is not taken, unless the directory is that user's",
          "[storage][state]") {
    if (geteuid() != 0)
        SKIP_BECAUSE("only root can give files away");
    const Folder folder;
    folder.write("e1.1.state", encode_state(example()));
    ring::Ring ring(64);
    storage::StateDirectory directory(ring, folder.path());
    if (chown(folder.at("e1.1.state").c_str(), 1, 1) != 0)
        SKIP_BECAUSE("there is one user only in this namespace");
    CHECK(refusal_to_load(directory).find("another user owns it; 'chown' it") != std::string::npos);
    REQUIRE(chown(folder.path().c_str(), 1, 1) == 0);
    CHECK(directory.load({1, 1}).state == example());
}

TEST_CASE("a save replaces whatever has the names of its files, and never writes to it", "[storage][state]") {
    ring::Ring ring(64);
    const char* in_place = GENERATE("e1.1.state", "e1.1.state.new");
    for (const Obstacle& obstacle : obstacles) {
        CAPTURE(in_place, obstacle.name);
        const Folder folder;
        folder.write("precious", "precious");
        storage::StateDirectory directory(ring, folder.path());
        directory.load({1, 1});
        obstacle.put(folder, folder.at(in_place));
        const Patience patience;
        CHECK(save(ring, directory, {1, 1}, example()) == 0);
        CHECK(std::filesystem::is_regular_file(std::filesystem::symlink_status(folder.at("e1.1.state"))));
        CHECK(folder.text("e1.1.state") == encode_state(example()));
        CHECK_FALSE(std::filesystem::exists(std::filesystem::symlink_status(folder.at("e1.1.state.new"))));
        CHECK(folder.text("precious") == "precious");
        CHECK_FALSE(std::filesystem::exists(folder.at("nothing")));
        CHECK(save(ring, directory, {1, 1}, fullest()) == 0);
    }
}

TEST_CASE("a file that is in the way of a save and cannot be removed is reported at the start",
          "[storage][state]") {
    const Folder folder;
    std::filesystem::create_directory(folder.at("e1.1.state.new"));
    ring::Ring ring(64);
    storage::StateDirectory directory(ring, folder.path());
    const std::string refusal = refusal_to_load(directory);
    CHECK(refusal.starts_with(folder.at("e1.1.state.new") + ": it is in the way"));
    CHECK(refusal.ends_with("remove it: Is a directory"));
}

TEST_CASE("a damaged state is set aside where nothing is", "[storage][state]") {
    const Folder folder;
    folder.write("e1.1.state", "half of it");
    folder.write("e1.1.state.damaged", "an earlier one");
    std::filesystem::create_directory(folder.at("e1.1.state.damaged-2"));
    REQUIRE(symlink(folder.at("nothing").c_str(), folder.at("e1.1.state.damaged-3").c_str()) == 0);
    ring::Ring ring(64);
    storage::StateDirectory directory(ring, folder.path());
    CHECK(directory.load({1, 1}).note.find("e1.1.state.damaged-4:") != std::string::npos);
    CHECK(folder.text("e1.1.state.damaged-4") == "half of it");
    CHECK(folder.text("e1.1.state.damaged") == "an earlier one");
    CHECK_FALSE(std::filesystem::exists(folder.at("nothing")));
}

TEST_CASE("a directory that cannot be is refused with its name and the cause", "[storage][state]") {
    const Folder folder;
    folder.write("file", "");
    ring::Ring ring(64);
    const auto error_of = [&](const std::string& path) -> std::string {
        try {
            const storage::StateDirectory directory(ring, path);
        } catch (const std::system_error& error) {
            return error.what();
        }
        return "none";
    };
    const std::string none = folder.at("none/there"), file = folder.at("file");
    CHECK(error_of(none).starts_with(none + ": cannot make the directory"));
    CHECK(error_of(none).ends_with("No such file or directory"));
    CHECK(error_of(file).starts_with(file + ": cannot open the directory"));
    CHECK(error_of(file).ends_with("Not a directory"));
    // /proc cannot be synced, and so cannot make what is in it stay.
    CHECK(
        error_of("/proc/self").starts_with("/proc/self: cannot sync the state of exports in it to the disk"));
}

TEST_CASE(
    "a directory knows whether a state is being saved, and removes the remains of a save after a power cut",
    "[storage][state]") {
    const Folder folder;
    std::ofstream(folder.path() + "/e1.1.state.new") << "half of it";
    ring::Ring ring(64);
    storage::StateDirectory directory(ring, folder.path());
    CHECK_FALSE(directory.is_saving({1, 1}));
    directory.load({1, 1});
    CHECK_FALSE(std::filesystem::exists(folder.path() + "/e1.1.state.new"));
    Saved saved;
    directory.save({1, 1}, example(), saved);
    CHECK(directory.is_saving({1, 1}));
    CHECK_FALSE(directory.is_saving({1, 2}));
    while (!saved.result)
        ring.wait();
    CHECK_FALSE(directory.is_saving({1, 1}));
}
