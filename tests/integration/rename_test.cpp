// Names of interfaces that change, and alternative ones (lib/net/README.md, "Interfaces that come and go").
#include "catch.hpp"
#include "changed_target.hpp"
#include "scene.hpp"

#include <optional>

using namespace aoetest;

namespace {

std::size_t count(const std::string& text, const std::string& words) {
    std::size_t found = 0;
    for (std::size_t at = text.find(words); at != std::string::npos; at = text.find(words, at + 1))
        ++found;
    return found;
}

void rename(const std::string& from, const std::string& to) {
    run_ip({"link", "set", from, "name", to});
}

// Ends a pair that does not have its own names any more.
struct Remover {
    const std::string name;
    ~Remover() {
        if (interface_exists(name))
            delete_interface(name);
    }
};

} // namespace

TEST_CASE("an interface that gets another name is served as before, and the target says so once",
          "[rename]") {
    const VethPair wire("oldname");
    const Remover remover{"storage0"};
    const ImageFile image(64);
    RawClient client(wire);
    TargetProcess target({wire.target_end()}, {export_argument(1, 1, image.path())});
    CHECK(client.read(1, 1) == pattern(1, 1));
    rename(wire.target_end(), "storage0");
    CHECK(client.read(2, 1) == pattern(2, 1));
    // It is still followed.
    set_mtu("storage0", 1000);
    CHECK(client.wait_until([&] { return client.ask(config_request()).sectors_per_frame() == 1; }));
    CHECK(client.wait_until([&] { return count(target.log(), "storage0: The MTU is 1000 now") == 1; }));
    CHECK(count(target.log(), "storage0: The name of the interface was oldname-t before") == 1);
    CHECK(count(target.log(), "interface is gone") == 0);

    // What appears under the old name is another interface.
    const VethPair other("oldname2");
    rename(other.target_end(), wire.target_end());
    const Remover other_remover{wire.target_end()};
    RawClient stranger(other.client_end(), wire.target_end());
    stranger.send_unanswerable(config_request());
    client.settle();
    stranger.receive(Milliseconds(100));
    CHECK(client.read(3, 1) == pattern(3, 1));

    // When it is gone, the name that the target was started with counts again.
    delete_interface("storage0");
    CHECK(stranger.is_served_soon());
    CHECK(stranger.read(4, 1) == pattern(4, 1));
    delete_interface(wire.target_end());
    const std::string gone = ": The interface is gone. The target serves the next one with the name ";
    CHECK(client.wait_until(
        [&] { return count(target.log(), wire.target_end() + gone + wire.target_end()) == 1; }));
    const VethPair again("again");
    rename(again.target_end(), "storage0");
    set_link("storage0", true);
    RawClient later("again-c", "storage0");
    later.send_unanswerable(config_request());
    later.receive(Milliseconds(100));
    rename("storage0", wire.target_end());
    CHECK(later.is_served_soon());
    CHECK(later.read(4, 1) == pattern(4, 1));
}

TEST_CASE("an interface that is waited for by an alternative name may come back under another first one",
          "[rename]") {
    const std::string name = "another-name-that-is-longer-than-fifteen";
    const ImageFile image(64);
    std::optional<VethPair> wire(std::in_place, "altwait1");
    const TargetProcess target({name + ",wait"}, {export_argument(1, 1, image.path())});
    run_ip({"link", "property", "add", "dev", wire->target_end(), "altname", name});
    CHECK(RawClient(*wire).is_served_soon());
    wire.reset();
    wire.emplace("altwait2");
    run_ip({"link", "property", "add", "dev", wire->target_end(), "altname", name});
    RawClient client(*wire);
    CHECK(client.is_served_soon());
    CHECK(client.read(2, 1) == pattern(2, 1));
}

TEST_CASE("an interface that got another name is removed and described by the one that it was given",
          "[rename]") {
    const VethPair wire("givenname");
    const Remover remover{"storage1"};
    const ImageFile image(64);
    RawClient client(wire);
    const ControlledTarget target({wire.target_end()}, {export_argument(1, 1, image.path())});
    CHECK(client.read(1, 1) == pattern(1, 1));
    rename(wire.target_end(), "storage1");
    CHECK(client.wait_until([&] { return contains(target.run({"status"}).output, "storage1"); }));
    const std::string status = target.run({"status", "--json"}).output;
    CHECK(contains(status, "\"entry\": \"" + wire.target_end() + "\""));
    CHECK(contains(status, "\"name\": \"" + wire.target_end() + "\"")); // of its options
    CHECK(client.read(2, 1) == pattern(2, 1));
    CHECK(target.run({"remove", "-i", wire.target_end()}).exit_code == 0);
    CHECK_FALSE(contains(target.run({"status"}).output, "storage1"));
    CHECK_FALSE(client.wait_for(client.send(read_request(3, 1)), Milliseconds(300)));
}

TEST_CASE("config names an interface as a target can find it", "[rename]") {
    const VethPair wire("foundname"), other("keptname");
    const Remover remover{"storage2"};
    const ImageFile image(64);
    run_ip({"link", "property", "add", "dev", other.target_end(), "altname", "a-name-that-it-keeps"});
    const ControlledTarget target({wire.target_end(), "a-name-that-it-keeps,link=auto"},
                                  {export_argument(1, 1, image.path(), "interfaces=" + wire.target_end())});
    CHECK(contains(target.run({"config"}).output, "name = \"" + wire.target_end() + "\""));
    rename(wire.target_end(), "storage2");
    RawClient client(wire.client_end(), "storage2");
    CHECK(client.wait_until([&] { return contains(target.run({"status"}).output, "storage2"); }));
    const std::string config = target.run({"config"}).output;
    CAPTURE(config);
    CHECK(contains(config, "name = \"storage2\""));
    CHECK(contains(config, "interfaces = [\"storage2\"]"));
    CHECK(contains(config, "name = \"a-name-that-it-keeps\""));
    CHECK_FALSE(contains(config, wire.target_end()));
}

TEST_CASE("a configuration file can follow the other name of an interface", "[rename]") {
    const VethPair wire("oldname");
    const Remover remover{"storage0"};
    const ImageFile image(64);
    const auto text = [&](const std::string& name, const std::string& options = {}) {
        return "[[interface]]\nname = \"" + name + "\"\n" + options + export_text("1.1", image);
    };
    Changed target(text(wire.target_end()));
    RawClient client(wire);
    rename(wire.target_end(), "storage0");
    CHECK(client.wait_until([&] { return contains(target.run({"status"}).output, "storage0"); }));

    // With other options, too, and back.
    target.write(text("storage0", "buffers = 16\n"));
    const ToolResult reloaded = target.run({"reload"});
    CAPTURE(reloaded.error);
    CHECK(reloaded.exit_code == 0);
    CHECK(client.read(3, 1) == pattern(3, 1));
    CHECK(client.ask(config_request()).buffer_count() == 16);
    CHECK(count(target.config(), "name = \"storage0\"") == 1);
    CHECK(count(target.config(), wire.target_end()) == 0);
    target.write(text("storage0"));
    CHECK(target.run({"reload"}).exit_code == 0);
    CHECK(client.read(3, 1) == pattern(3, 1));

    // It goes by its present name, too.
    rename(remover.name, "another0");
    const Remover again{"another0"};
    CHECK(client.wait_until([&] { return contains(target.run({"status"}).output, "another0"); }));
    CHECK(target.run({"remove", "-i", "another0"}).exit_code == 0);
    CHECK(target.run({"remove", "-i", "another0"}).exit_code == 5);
    CHECK(count(target.config(), "storage0") == 0);
}

TEST_CASE("an interface may be named by an alternative name", "[rename]") {
    const VethPair wire("altern");
    const std::string name = "a-name-that-is-longer-than-fifteen-characters";
    run_ip({"link", "property", "add", "dev", wire.target_end(), "altname", name});
    const ImageFile image(64);
    RawClient client(wire);
    TargetProcess target({name + ",link=auto"}, {export_argument(1, 1, image.path())});
    CHECK(client.read(1, 1) == pattern(1, 1));
    CHECK(count(target.log(), wire.target_end() + ": " + mac_of(wire.target_end()).text()) == 1);
    // It is made anew, and gets its names one after the other.
    wire.destroy();
    wire.create(1500);
    client.rebind();
    run_ip({"link", "property", "add", "dev", wire.target_end(), "altname", name});
    CHECK(client.is_served_soon());
    CHECK(client.read(2, 1) == pattern(2, 1));
}
