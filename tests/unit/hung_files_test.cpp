// Files of a disk that does not answer beside others on the same ring. The kernel sorts writes that block
// into 64 queues, by their file: with 400 files that hang there is one in each queue that any other file may
// get.
#include "file_disk.hpp"
#include "storage/state_directory.hpp"
#include "support/backing.hpp"
#include "support/catch.hpp"
#include "support/frozen_file_system.hpp"
#include "support/patience.hpp"

#include <chrono>
#include <filesystem>
#include <iterator>
#include <optional>

using namespace aoetarget;
using namespace aoetest;

namespace {

constexpr unsigned files_that_hang = 400;
constexpr std::size_t most_queues = 64;
constexpr double limit_ms = 100;

std::size_t threads() {
    const std::filesystem::directory_iterator all("/proc/self/task");
    return static_cast<std::size_t>(std::distance(begin(all), end(all)));
}

class HungFiles final : public IoOwner {
  public:
    HungFiles() {
        ring.set_more_workers(1000);
        for (unsigned i = 0; i < files_that_hang; ++i)
            add(sick_.folder());
    }
    void hang() {
        freeze_.emplace(sick_);
        for (unsigned i = 0; i < files_that_hang; ++i)
            for (const std::uint64_t lba : {0U, 8U})
                start(Io::Op::write, i, lba);
        // Until one write of each queue has its thread: the kernel starts these one after the other, and what
        // comes then waits for the threads before.
        for (std::size_t before = 0, now = 1; now != before || now < most_queues / 2; now = threads()) {
            before = now;
            turn_for(std::chrono::milliseconds(200));
        }
    }
    ~HungFiles() {
        freeze_.reset();
        while (under_way_ > 0)
            turn();
    }

    /// Returns the number of the file.
    std::size_t add(const std::string& folder, Cache cache = Cache::page) {
        FileOptions options;
        options.cache = cache;
        images_.push_back(std::make_unique<ImageFile>(64, ImageFile::Fill::sparse, folder));
        devices_.push_back(open_file(images_.back()->path(), options));
        dynamic_cast<storage::RingDevice&>(*devices_.back()).attach(ring);
        return devices_.size() - 1;
    }

    /// How long it takes.
    double carry_out_ms(Io::Op op, std::size_t file, std::uint64_t lba = 0) {
        return until([io = start(op, file, lba)] { return io->completions > 0; });
    }
    template <typename Condition>
    double until(Condition is_met) {
        const auto begin = std::chrono::steady_clock::now();
        const Patience patience;
        while (!is_met())
            turn();
        return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin).count();
    }

    [[nodiscard]] unsigned under_way() const { return under_way_; }

    ring::Ring ring{4096};

  private:
    TestIo* start(Io::Op op, std::size_t file, std::uint64_t lba) {
        operations_.push_back(std::make_unique<TestIo>(*this, op, SectorRange{lba, 8}));
        TestIo& io = *operations_.back();
        if (op == Io::Op::write)
            io.fill(pattern(lba, 8, 1));
        ++under_way_;
        devices_[file]->submit(io);
        return &io;
    }
    void turn() {
        ring.wait();
        ring.run_deferred();
    }
    void turn_for(std::chrono::milliseconds time) {
        const auto end = std::chrono::steady_clock::now() + time;
        while (std::chrono::steady_clock::now() < end) {
            ring.poll();
            ring.run_deferred();
        }
    }

    void completed(Io& io) noexcept override {
        ++static_cast<TestIo&>(io).completions;
        --under_way_;
    }
    void completed_from_any_thread(Io& io) noexcept override { completed(io); }

    MemoryFileSystem sick_{64 << 20};
    std::vector<std::unique_ptr<ImageFile>> images_;
    std::vector<std::unique_ptr<TestIo>> operations_;
    std::vector<std::unique_ptr<FileDevice>> devices_;
    unsigned under_way_ = 0;
    std::optional<Freeze> freeze_;
};

struct Saved final : core::StateSaver {
    void saved(int error) override { result = error; }
    std::optional<int> result;
};

/// Others use the machine as well: the best of three attempts counts.
template <typename Attempt>
double best_ms(Attempt attempt) {
    double best = attempt();
    for (int i = 1; i < 3 && best >= limit_ms; ++i)
        best = std::min(best, attempt());
    return best;
}

#define NEEDS_A_FROZEN_FILE_SYSTEM()                                                                         \
    do {                                                                                                     \
        if (!is_real_root() || !MemoryFileSystem::is_available())                                            \
            SKIP_BECAUSE("to freeze a file system needs real root and mkfs.ext4");                           \
    } while (false)

} // namespace

TEST_CASE("states are saved at once while files hang in all queues of the kernel", "[storage][hang]") {
    NEEDS_A_FROZEN_FILE_SYSTEM();
    const MemoryFileSystem well(16 << 20);
    HungFiles files;
    storage::StateDirectory directory(files.ring, well.folder());
    files.hang();
    for (std::uint8_t slot = 0; slot < 10; ++slot) {
        CAPTURE(slot);
        directory.load({1, slot});
        CHECK(best_ms([&] {
                  Saved saved;
                  directory.save({1, slot}, {}, saved);
                  const double ms = files.until([&] { return saved.result.has_value(); });
                  CHECK(*saved.result == 0);
                  return ms;
              }) < limit_ms);
    }
    CHECK(files.under_way() == 2 * files_that_hang);
}

TEST_CASE("files are written and trimmed at once while others hang in all queues of the kernel",
          "[storage][hang]") {
    NEEDS_A_FROZEN_FILE_SYSTEM();
    const MemoryFileSystem well(16 << 20);
    const auto cache = GENERATE(Cache::page, Cache::direct);
    HungFiles files;
    files.hang();
    for (int i = 0; i < 10; ++i) {
        CAPTURE(i);
        CHECK(best_ms([&] { return files.carry_out_ms(Io::Op::write, files.add(well.folder(), cache)); }) <
              limit_ms);
        CHECK(best_ms([&] { return files.carry_out_ms(Io::Op::discard, files.add(well.folder(), cache)); }) <
              limit_ms);
    }
    CHECK(files.under_way() == 2 * files_that_hang);
}

TEST_CASE("a file that was kept waiting by others is not for the next seconds", "[storage][hang]") {
    NEEDS_A_FROZEN_FILE_SYSTEM();
    const MemoryFileSystem well(16 << 20);
    HungFiles files;
    files.hang();
    const std::size_t file = files.add(well.folder());
    files.carry_out_ms(Io::Op::write, file);
    unsigned slow = 0;
    for (unsigned i = 0; i < 50; ++i)
        slow += files.carry_out_ms(Io::Op::write, file) > 25 ? 1 : 0;
    CHECK(slow < 10);
}
