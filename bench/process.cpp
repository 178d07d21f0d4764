#include "process.hpp"

#include <array>
#include <cerrno>
#include <ctime>
#include <fstream>
#include <limits>
#include <sstream>
#include <string>
#include <system_error>

#include <unistd.h>

namespace bench {

std::uint64_t process_cpu_ns(pid_t pid) {
    clockid_t clock{};
    timespec time{};
    if (const int error = clock_getcpuclockid(pid, &clock); error != 0)
        throw std::system_error(error, std::generic_category(), "process " + std::to_string(pid));
    if (clock_gettime(clock, &time) < 0)
        throw std::system_error(errno, std::generic_category(),
                                "CPU clock of process " + std::to_string(pid));
    return static_cast<std::uint64_t>(time.tv_sec) * 1'000'000'000U +
           static_cast<std::uint64_t>(time.tv_nsec);
}

std::uint64_t process_peak_rss_kib(pid_t pid) {
    std::ifstream status("/proc/" + std::to_string(pid) + "/status");
    for (std::string key; status >> key;) {
        std::uint64_t kib = 0;
        if (key == "VmHWM:" && status >> kib)
            return kib;
        status.ignore(std::numeric_limits<std::streamsize>::max(), '\n');
    }
    return 0;
}

CoreTime core_time(unsigned core) {
    std::ifstream stat("/proc/stat");
    const std::string wanted = "cpu" + std::to_string(core);
    for (std::string line; std::getline(stat, line);) {
        std::istringstream fields(line);
        std::string name;
        fields >> name;
        if (name != wanted)
            continue;
        std::array<std::uint64_t, 8> ticks{}; // user nice system idle iowait irq softirq steal
        for (auto& tick : ticks)
            fields >> tick;
        const std::uint64_t tick_ns = 1'000'000'000U / static_cast<std::uint64_t>(sysconf(_SC_CLK_TCK));
        return {(ticks[0] + ticks[1] + ticks[2] + ticks[5] + ticks[6]) * tick_ns,
                (ticks[5] + ticks[6]) * tick_ns};
    }
    throw std::system_error(ENODEV, std::generic_category(), wanted);
}

} // namespace bench
