// Feeds a fuzz target the named files, or all files of a folder. This runs a corpus without libFuzzer.
#include "fuzz_target.hpp"

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

namespace {

void replay(const std::filesystem::path& path) {
    std::ifstream file(path, std::ios::binary);
    const std::vector<char> bytes{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
    if (file.bad() || !file.is_open())
        aoetest::abort_test("cannot read " + path.string());
    std::fprintf(stderr, "%s\n", path.c_str()); // the last that is named is the one that failed
    LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
}

} // namespace

int main(int argc, char* argv[]) {
    unsigned files = 0;
    for (int i = 1; i < argc; ++i) {
        const std::filesystem::path path = argv[i];
        if (!std::filesystem::is_directory(path)) {
            replay(path);
            ++files;
            continue;
        }
        for (const auto& entry : std::filesystem::directory_iterator(path)) {
            replay(entry.path());
            ++files;
        }
    }
    std::printf("%u inputs\n%d passed, %d failed, 0 skipped\n", files, files > 0 ? 1 : 0, files > 0 ? 0 : 1);
    return files > 0 ? 0 : 1;
}
