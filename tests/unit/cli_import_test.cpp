// Configurations of other targets become files that serve -c takes.
#include "catch.hpp"

#include "config/reader.hpp"
#include "support/backing.hpp"
#include "usage_error.hpp"
#include "verbs/import.hpp"

#include <algorithm>
#include <string>
#include <string_view>

using aoetest::ScratchFolder;
using cli::Configuration;

namespace {

bool has(const std::string& text, std::string_view part) {
    return text.find(part) != std::string::npos;
}

Configuration read(const std::string& text) {
    INFO(text);
    return cli::read_configuration({.files = {{"imported.toml", text}}});
}

Configuration parsed(const std::vector<std::string>& interfaces, const std::vector<std::string>& exports) {
    return cli::read_configuration({.interfaces = interfaces, .exports = exports});
}

void write_folder(const ScratchFolder& folder, const std::string& name, const std::string& netif,
                  const std::string& source) {
    const std::size_t dot = name.find('.');
    folder.write(name + "/env/SHELF", name.substr(1, dot - 1) + "\n");
    folder.write(name + "/env/SLOT", name.substr(dot + 1) + "\n");
    folder.write(name + "/env/NETIF", netif + "\n");
    folder.write(name + "/env/SOURCE", source + "\n");
    folder.write(name + "/run", "#!/bin/sh\n");
    folder.write(name + "/supervise/status", "");
}

std::string ggaoed(const std::string& text) {
    return cli::import_ggaoed("ggaoed.conf", text).text;
}

} // namespace

TEST_CASE("the folders of vblade-persist become exports", "[cli]") {
    const ScratchFolder folder;
    write_folder(folder, "e1.1", "eth0", "/dev/vg0/a b");
    write_folder(folder, "e10.254", "eth0", "/srv/disk.img");
    folder.write("e10.254/macs/020000000001", "");
    folder.write("e10.254/macs/52:54:00:00:00:02", "");
    const auto [text, imported, left_out] = cli::import_vblade_persist(folder.path());
    INFO(text);
    CHECK(read(text) == parsed({"eth0"}, {"1.1=/dev/vg0/a b,durability=volatile,cache=page",
                                          "10.254=/srv/disk.img,durability=volatile,cache=page,"
                                          "allow=02:00:00:00:00:01+52:54:00:00:00:02"}));
    CHECK(has(text, "# durability: vblade without -s answers a write before it is on stable storage"));
}

TEST_CASE("an export of vblade-persist that does not start or is not complete is a comment", "[cli]") {
    const ScratchFolder folder;
    write_folder(folder, "e1.1", "eth0", "/a");
    write_folder(folder, "e1.2", "eth0", "/b");
    folder.write("e1.2/down", "");
    folder.write("e1.3/env/SHELF", "1");
    write_folder(folder, "e1.255", "eth0", "/c");
    const auto [text, imported, left_out] = cli::import_vblade_persist(folder.path());
    INFO(text);
    CHECK(read(text).exports.size() == 1);
    CHECK(has(text, "# e1.2: it did not start at boot (noauto)"));
    CHECK(has(text, "# [[export]]\n# address = \"1.2\"\n# path = \"/b\"\n"));
    CHECK(has(text, "# e1.3: slot is missing, so vblade did not serve it\n"));
    CHECK(has(text, "# e1.255: it is left out: vblade: SLOT cannot be '255'"));
}

TEST_CASE("the files of Debian's vblade become exports", "[cli]") {
    const ScratchFolder folder;
    folder.write(
        "a.conf",
        "# comment\nshelf=14\nslot=2\nnetif=ens3\nfilename='/dev/mapper/my disk' # comment\n"
        "options='-s -r -m 22:22:33:44:55:66,52:54:00:00:00:02 -o 8 -b 16'\nionice='--class idle'\n");
    folder.write("b.conf", "Shelf=1\nSlot=1\nNetIf=ens4\nFilename=\"/srv/b\\\"\"\nOptions=\n");
    folder.write("c.conf", "shelf=1\nslot=1\nnetif=ens3\nfilename=/srv/b\\\"\n");
    folder.write("d.conf", "shelf=1\nslot=3\nnetif=$(hostname)\nfilename=/x\ncolour=red\n");
    folder.write("e.conf", "shelf=14\nslot=2\nnetif=ens3\nfilename=/another\n");
    folder.write("README", "no configuration");
    const auto [text, imported, left_out] = cli::import_vblade_persist(folder.path());
    INFO(text);
    const Configuration configuration = read(text);
    REQUIRE(configuration.exports.size() == 2);
    CHECK(configuration.exports[0] ==
          cli::parse_export_spec("1.1=/srv/b\",durability=volatile,cache=page,interfaces=ens4+ens3"));
    CHECK(configuration.interfaces[0] == cli::parse_interface_spec("ens3,buffers=16"));
    CHECK(configuration.interfaces[1] == cli::parse_interface_spec("ens4"));
    CHECK(has(text, "# a.conf: ionice has no counterpart"));
    CHECK(has(text, "# d.conf: 'netif=$(hostname)' is for a shell"));
    CHECK(has(text, "# d.conf: vblade does not know the variable colour"));
    CHECK(has(text, "# d.conf: netif is missing"));
    CHECK(has(text, "# e.conf: another export has its address"));
}

TEST_CASE("ggaoed's configuration becomes interfaces, hosts and exports", "[cli]") {
    const std::string text = ggaoed(R"(
# comment
[defaults]
interfaces = eth0, vif*
queue-length = 16
state-directory = /var/lib/ggaoed
direct-io = false

[acls]
foo = 00:C0:4F:A1:66:94, 0:1b:21:a:aa:22
bar = foo, 00:0E:0C:3E:3B:0B

[eth0]
mtu = 9000
ring-buffer-size = 4096

[disk]
path = /dev/sdb
shelf = 1
slot = 2
interfaces = eth0
accept = bar, 00:30:48:69:41:3A
broadcast = true
trace-io = false

[image]
path = /srv/disk.img
shelf = 0
slot = 254
direct-io = true
read-only = true

[volume]
uuid = 1234-ABCD
shelf = 1
slot = 3
)");
    INFO(text);
    Configuration expected = cli::read_configuration(
        {.files = {{"x", "[hosts]\nfoo = [\"00:c0:4f:a1:66:94\", \"00:1b:21:0a:aa:22\"]\nbar = [\"foo\", "
                         "\"00:0e:0c:3e:3b:0b\"]\n"}},
         .interfaces = {"eth0,sectors-per-frame=16", "vif*"},
         .exports = {
             "1.2=/dev/sdb,durability=volatile,cache=page,interfaces=eth0,allow=bar+00:30:48:69:41:3a",
             "0.254=/srv/disk.img,read-only",
             "1.3=/dev/disk/by-uuid/1234-ABCD,durability=volatile,cache=page"}});
    CHECK(read(text) == expected);
    for (const std::string_view remark :
         {"# [defaults]: queue-length = 16 has no counterpart: 'buffers' of [[interface]] comes nearest",
          "# [defaults]: state-directory = /var/lib/ggaoed has no counterpart: ",
          "# [eth0]: ring-buffer-size = 4096 has no counterpart: ",
          "# [disk]: broadcast = true has no counterpart: ",
          "# [disk]: trace-io = false has no counterpart: ", "# durability: ggaoed answers a write before"})
        CHECK(has(text, remark));
}

TEST_CASE("an export of ggaoed that would become open to others is a comment", "[cli]") {
    const std::string rest = "[ok]\nshelf=1\nslot=1\npath=/ok\n[a]\nshelf=1\nslot=2\npath=/a\n";
    const std::string denied = ggaoed(rest + "deny = 00:0E:0C:3E:3B:0B\n");
    CHECK(read(denied).exports.size() == 1);
    CHECK(has(denied, "# [a]: deny = 00:0E:0C:3E:3B:0B has no counterpart, so it is a comment below"));
    CHECK(has(denied, "# path = \"/a\"\n"));
    const std::string unknown = ggaoed(rest + "accept = nobody-knows-me\n");
    CHECK(read(unknown).exports.size() == 1);
    CHECK(has(unknown, "# [a]: accept has nobody-knows-me, which is neither a MAC address"));
    CHECK(has(unknown, "# [a]: none of those whom it accepts is known"));
    CHECK(has(unknown, "# path = \"/a\"\n"));
}

TEST_CASE("ggaoed serves on all interfaces if it names none, and what is not complete is told", "[cli]") {
    const std::string text =
        ggaoed("[a]\nshelf=1\nslot=1\npath=/a\n[b]\nshelf=1\nslot=1\npath=/b\n[c]\nshelf=x\nslot=1\npath=/c\n"
               "[d]\nshelf=1\nslot=4\n[e]\nshelf=1\nslot=5\npath=/e\nsize=3\n");
    const Configuration configuration = read(text);
    CHECK(configuration.interfaces == std::vector<cli::InterfaceSpec>{{"*", {}}});
    CHECK(configuration.exports.size() == 2);
    CHECK(has(text, "# [b]: another export has its address"));
    CHECK(has(text, "# [c]: shelf = x is no number from 0 to 65534, so it is left out"));
    CHECK(has(text, "# [d]: it has neither path nor uuid, so it is left out"));
    CHECK(has(text, "# [e]: size = 3 has no counterpart: ggaoed has no such option, so check its spelling"));
}

TEST_CASE("what was imported and what was left out is counted", "[cli]") {
    const ScratchFolder folder;
    CHECK(cli::import_vblade_persist(folder.path()).imported == 0);
    CHECK(cli::import_vblade_persist(folder.path()).left_out == 0);
    write_folder(folder, "e1.1", "eth0", "/a");
    write_folder(folder, "e1.2", "eth0", "/b");
    folder.write("e1.2/down", "");
    folder.write("e1.3/env/SHELF", "1");
    write_folder(folder, "e1.255", "eth0", "/c");
    CHECK(cli::import_vblade_persist(folder.path()).imported == 1);
    CHECK(cli::import_vblade_persist(folder.path()).left_out == 3);
    const auto of_ggaoed = cli::import_ggaoed("x", "[a]\nshelf=1\nslot=1\npath=/a\n[b]\nslot=2\npath=/b\n"
                                                   "[c]\nshelf=1\nslot=1\npath=/c\n[eth0]\nmtu=1500\n"
                                                   "[d]\nshelf=1\nslot=255\npath=/d\n"
                                                   "[e]\nshelf=1\nslot=3\npath=/e\nuuid=1-2\n");
    INFO(of_ggaoed.text);
    CHECK(of_ggaoed.imported == 1);
    CHECK(of_ggaoed.left_out == 4);
    CHECK(has(of_ggaoed.text, "# [b]: it has no shelf, so it is left out"));
    CHECK(has(of_ggaoed.text, "# [d]: slot = 255 is no number from 0 to 254, so it is left out"));
    CHECK(has(of_ggaoed.text, "# [e]: it has both path and uuid, so it is left out"));
}

TEST_CASE("a file that is not ggaoed's is refused with the line", "[cli]") {
    CHECK_THROWS_WITH(ggaoed("[a]\nno key\n"),
                      Catch::Contains("ggaoed.conf:2: 'no key' is neither a [group] nor"));
    CHECK_THROWS_WITH(ggaoed("a = b\n"), Catch::Contains("ggaoed.conf:1: 'a = b' is neither"));
    CHECK(has(ggaoed(""), "# to do: there is no export to serve"));
}
