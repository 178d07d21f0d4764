// `aoetarget check` beside a target that runs.
#include "catch.hpp"
#include "changed_target.hpp"
#include "check_scene.hpp"

#include <string>
#include <vector>

using namespace aoetest;

TEST_CASE("a target that runs is taken for the one to be replaced if it has the same name", "[check]") {
    const VethPair& wire = standard_wire();
    const ImageFile image(64);
    const std::string exported = export_argument(1, 1, image.path());
    ControlledTarget target({wire.target_end()}, {exported});
    const std::string process = "process " + std::to_string(target.process().pid());
    const ToolResult same = target.run({"check", "-i", wire.target_end(), "-e", exported});
    CAPTURE(same.output, same.error);
    CHECK(same.exit_code == 0);
    CHECK(says(same, "note", "(" + process + ") runs with the control socket"));
    CHECK(says(same, "note", "(" + process + ") has it"));
    CHECK(contains(same.output, "\n0 errors, "));
    const ToolResult other = check_offline({"-i", wire.target_end(), "-e", exported});
    CAPTURE(other.output);
    CHECK(other.exit_code == 3);
    CHECK(says(other, "error", "in use by " + process));
    CHECK(contains(other.output, "\n1 error, "));
    const ToolResult reader =
        check_offline({"-i", wire.target_end(), "-e", export_argument(1, 2, image.path(), "read-only")});
    CHECK(reader.exit_code == 3);

    // From the far end of the wire this machine answers for the address. Whether that target is to be
    // replaced is known only of one with the same control socket.
    const ImageFile another(64);
    const ScratchFolder folder;
    const ToolResult neighbour =
        check({"-i", wire.client_end(), "-e", export_argument(1, 1, another.path()), "--control", "none"});
    CAPTURE(neighbour.output);
    CHECK(neighbour.exit_code == 0);
    CHECK(says(neighbour, "note", "this machine answers for e1.1"));
    const ToolResult named = check({"-i", wire.client_end(), "-e", export_argument(1, 1, another.path()),
                                    "--control", folder.path() + "/another.sock"});
    CAPTURE(named.output);
    CHECK(named.exit_code == 3);
    CHECK(says(named, "error", "another target of this machine answers for e1.1"));
}

TEST_CASE("check tells what a reload would change of the target that runs", "[check]") {
    const VethPair& wire = standard_wire();
    const VethPair other("other");
    const ImageFile image(64), new_image(64);
    Changed changed(entry_text(wire) + export_text("1.1", image));
    const auto check_file = [&] { return changed.run({"check", "--offline", "-c", changed.file()}); };
    const ToolResult same = check_file();
    CAPTURE(same.output);
    CHECK(same.exit_code == 0);
    CHECK(says(same, "ok", "the target that runs serves just this"));

    const std::string before = changed.config();
    changed.write(entry_text(other) + export_text("1.1", image, "cache = \"page\"\n") +
                  export_text("1.2", new_image));
    const ToolResult differs = check_file();
    CAPTURE(differs.output);
    CHECK(differs.exit_code == 0);
    CHECK(says(differs, "note", "would remove interface " + wire.target_end()));
    CHECK(says(differs, "note", "would change export e1.1 (cache)"));
    CHECK(says(differs, "note", "would add interface " + other.target_end() + ", export e1.2"));
    CHECK(changed.config() == before);
    CHECK(changed.run({"reload"}).exit_code == 0);
    CHECK(says(check_file(), "ok", "the target that runs serves just this"));

    changed.write("[target]\nthreads = 3\n" + entry_text(other) + export_text("1.1", image));
    const ToolResult impossible = check_file();
    CAPTURE(impossible.output);
    CHECK(impossible.exit_code == 0);
    CHECK(says(impossible, "warning", "cannot change target (threads)"));
}

TEST_CASE("the XDP program of the target that runs is no obstacle, and another one is", "[check]") {
    if (!can_have_xdp())
        SKIP_BECAUSE("XDP needs root, and may be left out of a build");
    const VethPair& wire = standard_wire();
    const ImageFile image(64), other(64);
    const std::string exported = export_argument(1, 1, image.path());
    const std::string second = export_argument(1, 2, other.path());
    for (const std::string threads : {"1", "2"}) {
        CAPTURE(threads);
        const ControlledTarget target({}, {exported, second},
                                      {"--threads", threads, "-i", wire.target_end() + ",link=xdp"});
        for (const std::string options : {",link=xdp", ",link=auto"}) {
            const std::vector<std::string> words{
                "check", "-i", wire.target_end() + options, "-e", exported, "-e", second, "--offline"};
            const ToolResult same = target.run(words);
            CAPTURE(same.output);
            CHECK(same.exit_code == 0);
            CHECK(says(same, "ok", "AF_XDP serves it (xdp"));
            CHECK_FALSE(contains(same.output, "another XDP program"));
        }
        const ToolResult other_name = check_offline(
            {"-i", wire.target_end() + ",link=xdp", "-e", export_argument(1, 1, ImageFile(64).path())});
        CAPTURE(other_name.output);
        CHECK(other_name.exit_code == 3);
        CHECK(says(other_name, "error", "another XDP program is attached"));
    }
}
