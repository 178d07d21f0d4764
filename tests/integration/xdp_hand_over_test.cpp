// XDP for a target that has given up the rights for it: the command that asks for a change brings the
// program.
#include "changed_target.hpp"
#include "xdp_scene.hpp"

#include <string>

using namespace aoetest;

namespace {

bool serves_over_xdp(const ToolResult& status, const std::string& interface) {
    const std::size_t line = status.output.find("\n" + interface + " ");
    if (line == std::string::npos)
        return false;
    const std::string text = status.output.substr(line + 1, status.output.find('\n', line + 1) - line);
    return text.find(" xdp native") != std::string::npos;
}

class TwoWires {
  public:
    TwoWires()
        : target({}, {},
                 {"-i", first.target_end() + ",link=packet", "-e", export_argument(1, 1, image.path())}) {}

    [[nodiscard]] bool has_xdp(const VethPair& wire) const {
        return serves_over_xdp(target.run({"status"}), wire.target_end());
    }
    [[nodiscard]] bool answers(const VethPair& wire) const {
        RawClient client(wire);
        return client.wait_until([&] { return client.ask(read_request(3, 2)).succeeded(); },
                                 Milliseconds(30000));
    }

    const VethPair first{"first"}, second{"second"};
    const ImageFile image{64};
    ControlledTarget target;
};

} // namespace

TEST_CASE("an interface that is added to a running target gets XDP", "[xdp]") {
    NEEDS_XDP();
    TwoWires scene;
    const ToolResult added = scene.target.run({"add", "-i", scene.second.target_end() + ",link=xdp"});
    CAPTURE(added.error);
    CHECK(added.exit_code == 0);
    CHECK(scene.has_xdp(scene.second));
    CHECK(scene.answers(scene.second));

    // The program stays when the frames get longer, although the target could not attach another.
    scene.second.set_mtu(3000);
    CHECK(scene.answers(scene.second));
    RawClient client(scene.second);
    CHECK(client.wait_until([&] { return scene.has_xdp(scene.second); }, Milliseconds(30000)));
    CHECK(client.wait_until([&] { return client.ask(read_request(3, 5)).data() == pattern(3, 5); },
                            Milliseconds(30000)));

    CHECK(scene.target.run({"remove", "-i", scene.second.target_end()}).exit_code == 0);
    CHECK(client.wait_until([&] { return !has_program(scene.second.target_end()); }, Milliseconds(30000)));
}

TEST_CASE("a command in another network namespace leaves an interface to the target", "[xdp]") {
    if (!has_real_root())
        SKIP_BECAUSE("another network namespace needs root");
    const TwoWires scene;
    const std::string& name = scene.second.target_end();
    const ToolResult added = run_tool(
        {find_program("unshare"), "--net", "/bin/bash", "-c",
         "ip link add " + name + " type veth peer name other && ip link set " + name + " up && exec \"$@\"",
         "bash", target_program(), "add", "-i", name, "--control", scene.target.socket()},
        Milliseconds(60000));
    CAPTURE(added.error);
    CHECK(added.exit_code == 0);
    CHECK(scene.answers(scene.second));
}

TEST_CASE("an interface gets XDP when its options change", "[xdp]") {
    NEEDS_XDP();
    const VethPair wire("change");
    const ImageFile image(64);
    const auto text = [&](const std::string& link) {
        return "[[interface]]\nname = \"" + wire.target_end() + "\"\nlink = \"" + link + "\"\n" +
               export_text("1.1", image);
    };
    Changed target(text("packet"));
    const auto has_xdp = [&] { return serves_over_xdp(target.run({"status"}), wire.target_end()); };
    RawClient client(wire);
    for (int round = 0; round < 3; ++round) {
        CHECK_FALSE(has_xdp());
        target.write(text("auto"));
        CHECK(target.run({"reload"}).exit_code == 0);
        CHECK(client.wait_until(has_xdp, Milliseconds(30000)));
        CHECK(client.ask(read_request(3, 2)).data() == pattern(3, 2));
        for (const std::string link : {"xdp", "auto"}) { // with the same program
            target.write(text(link));
            CHECK(target.run({"reload"}).exit_code == 0);
            CHECK(client.wait_until(has_xdp, Milliseconds(30000)));
            CHECK(client.ask(read_request(3, 2)).data() == pattern(3, 2));
        }
        target.write(text("packet"));
        CHECK(target.run({"reload"}).exit_code == 0);
        CHECK(client.wait_until([&] { return !has_xdp(); }, Milliseconds(30000)));
        CHECK(client.ask(read_request(3, 2)).data() == pattern(3, 2));
    }
}

TEST_CASE("an addition that fails leaves an interface to the pattern that had it", "[xdp]") {
    NEEDS_XDP();
    const VethPair wire("pattern");
    const ImageFile image(64);
    const ControlledTarget target({}, {},
                                  {"-i", "patter*-t,link=packet", "-e", export_argument(1, 1, image.path())});
    RawClient client(wire);
    CHECK(client.is_served_soon());
    const ToolResult added = // who asks there cannot bring a program
        run_tool({find_program("unshare"), "--net", target_program(), "add", "-i",
                  wire.target_end() + ",link=xdp", "--control", target.socket()},
                 Milliseconds(60000));
    CAPTURE(added.error);
    CHECK(added.exit_code != 0);
    CHECK(added.error.find("link=xdp is not possible") != std::string::npos);
    CHECK(client.is_served_soon());
}

TEST_CASE("an interface that a pattern has brought keeps XDP when it gets an entry of its own", "[xdp]") {
    NEEDS_XDP();
    const ImageFile image(64), other(64);
    for (const std::string threads : {"1", "2"}) {
        for (const std::string options : {"", ",link=xdp", ",wait", ",link=packet"}) {
            CAPTURE(threads, options);
            const VethPair wire("pattern");
            const std::string& name = wire.target_end();
            const ControlledTarget target({}, {},
                                          {"--threads", threads, "-i", "patter*-t", "-e",
                                           export_argument(1, 1, image.path()), "-e",
                                           export_argument(1, 2, other.path())});
            const auto has_xdp = [&] { return serves_over_xdp(target.run({"status"}), name); };
            RawClient client(wire);
            CHECK(client.is_served_soon());
            CHECK(has_xdp());
            const ToolResult added = target.run({"add", "-i", name + options});
            CAPTURE(added.error);
            CHECK(added.exit_code == 0);
            const bool wants_xdp = options != ",link=packet";
            CHECK(client.wait_until([&] { return has_xdp() == wants_xdp; }, Milliseconds(30000)));
            CHECK(client.wait_until([&] { return has_program(name) == wants_xdp; }, Milliseconds(30000)));
            for (const unsigned slot : {1U, 2U})
                CHECK(client.wait_until(
                    [&] {
                        return client.ask(read_request(3, 2).to(1, static_cast<std::uint8_t>(slot)))
                            .succeeded();
                    },
                    Milliseconds(30000)));
            CHECK(has_xdp() == wants_xdp);
        }
    }
}

TEST_CASE("whoever asks for XDP learns the reason why an interface cannot have it", "[xdp]") {
    NEEDS_XDP();
    TwoWires scene;
    const Bridge bridge("bridge");
    const ToolResult added = scene.target.run({"add", "-i", bridge.name() + ",link=xdp"});
    CAPTURE(added.error);
    CHECK(added.exit_code == 1);
    CHECK(added.error.find("link=xdp is not possible: frames come to this interface (bridge) from others") !=
          std::string::npos);
    CHECK(scene.target.run({"add", "-i", bridge.name()}).exit_code == 0);
    CHECK(scene.target.run({"status"}).output.find("packet: frames come to this interface (bridge)") !=
          std::string::npos);
    CHECK(scene.answers(scene.first));
}
