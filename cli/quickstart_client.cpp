// The smallest AoE initiator that copies data, for quickstart.sh on machines whose kernel has no aoe driver:
//
//     quickstart_client IF SHELF.SLOT write < DATA      from sector 0 on
//     quickstart_client IF SHELF.SLOT read SECTORS > DATA
//
// One request at a time is under way, and the program repeats it until it is answered. The library finds the
// target; this program makes the frames itself, because the library is for targets.
#include <aoetarget/discover.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include <arpa/inet.h>
#include <net/if.h>
#include <netpacket/packet.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace {

using Bytes = std::vector<std::uint8_t>;

constexpr std::uint16_t ethertype_aoe = 0x88A2;
constexpr std::size_t header_bytes = 36, min_frame = 60, max_frame = 65536;
constexpr std::uint8_t read_sectors_ext = 0x24, write_sectors_ext = 0x34;
constexpr int tries = 20, retry_ms = 250;

struct Failure : std::runtime_error {
    using std::runtime_error::runtime_error;
};

aoetarget::DiscoveredTarget find_target(const std::string& interface, const aoetarget::Address& address) {
    for (aoetarget::DiscoveredTarget& target :
         aoetarget::discover(interface, std::chrono::milliseconds(500))) {
        if (target.address == address)
            return target;
    }
    throw Failure(fmt::format("{} does not answer on {}", to_string(address), interface));
}

class Disk {
  public:
    Disk(const std::string& interface, const aoetarget::Address& address)
        : target_(find_target(interface, address)), fd_(socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
        to_.sll_family = AF_PACKET;
        to_.sll_protocol = htons(ethertype_aoe);
        to_.sll_ifindex = static_cast<int>(if_nametoindex(interface.c_str()));
        if (fd_ < 0 || bind(fd_, reinterpret_cast<const sockaddr*>(&to_), sizeof to_) < 0)
            throw std::system_error(errno, std::generic_category(), interface);
        to_.sll_halen = static_cast<unsigned char>(target_.mac.bytes.size());
        std::ranges::copy(target_.mac.bytes, to_.sll_addr);
    }

    [[nodiscard]] std::size_t sectors_per_frame() const { return std::max(1U, target_.sectors_per_frame); }

    Bytes read(std::uint64_t lba, std::size_t sectors) {
        Bytes data = ask(request(read_sectors_ext, lba, sectors, {}));
        if (data.size() < sectors * aoetarget::sector_bytes)
            throw Failure(fmt::format("the answer for sector {} is too short", lba));
        data.resize(sectors * aoetarget::sector_bytes);
        return data;
    }

    void write(std::uint64_t lba, std::span<const std::uint8_t> data) {
        ask(request(write_sectors_ext, lba, data.size() / aoetarget::sector_bytes, data));
    }

  private:
    // A frame without its 14 bytes of Ethernet header, which the kernel makes on a SOCK_DGRAM packet socket.
    static constexpr std::size_t ethernet_bytes = 14, payload_at = header_bytes - ethernet_bytes;
    static constexpr std::size_t at_flags = 0, at_error = 1, at_shelf = 2, at_slot = 4, at_tag = 6,
                                 at_ata_flags = 10, at_count = 12, at_command = 13, at_status = 13,
                                 at_lba = 14;
    static constexpr std::size_t tag_bytes = 4, lba_bytes = 6;
    static constexpr std::uint8_t version_1 = 0x10, flag_response = 0x08, flag_error = 0x04;
    static constexpr std::uint8_t ata_extended = 0x40, ata_write = 0x01, ata_status_bad = 0xA9;

    Bytes request(std::uint8_t command, std::uint64_t lba, std::size_t sectors,
                  std::span<const std::uint8_t> data) {
        Bytes frame(std::max(payload_at + data.size(), min_frame - ethernet_bytes));
        frame[at_flags] = version_1;
        frame[at_shelf] = static_cast<std::uint8_t>(target_.address.shelf >> 8);
        frame[at_shelf + 1] = static_cast<std::uint8_t>(target_.address.shelf);
        frame[at_slot] = target_.address.slot;
        ++tag_;
        std::memcpy(&frame[at_tag], &tag_, tag_bytes); // the target sends it back as it is
        frame[at_ata_flags] = data.empty() ? ata_extended : ata_extended | ata_write;
        frame[at_count] = static_cast<std::uint8_t>(sectors);
        frame[at_command] = command;
        for (std::size_t i = 0; i < lba_bytes; ++i)
            frame[at_lba + i] = static_cast<std::uint8_t>(lba >> (8 * i));
        std::ranges::copy(data, frame.begin() + payload_at);
        return frame;
    }

    /// Returns the bytes after the ATA registers of the answer.
    Bytes ask(const Bytes& frame) {
        for (int i = 0; i < tries; ++i) {
            if (sendto(fd_, frame.data(), frame.size(), 0, reinterpret_cast<const sockaddr*>(&to_),
                       sizeof to_) < 0)
                throw std::system_error(errno, std::generic_category(), "cannot send");
            pollfd socket{fd_, POLLIN, 0};
            while (poll(&socket, 1, retry_ms) > 0) {
                Bytes answer(max_frame);
                const ssize_t received = recv(fd_, answer.data(), answer.size(), 0);
                answer.resize(static_cast<std::size_t>(std::max<ssize_t>(received, 0)));
                if (is_answer(answer, frame))
                    return {answer.begin() + payload_at, answer.end()};
            }
        }
        throw Failure("the target stopped answering");
    }

    static bool is_answer(const Bytes& answer, const Bytes& request) {
        if (answer.size() < payload_at || (answer[at_flags] & flag_response) == 0 ||
            std::memcmp(&answer[at_tag], &request[at_tag], tag_bytes) != 0)
            return false;
        if ((answer[at_flags] & flag_error) != 0)
            throw Failure(fmt::format("the target answered AoE error {}", answer[at_error]));
        if ((answer[at_status] & ata_status_bad) != 0)
            throw Failure(fmt::format("the target answered ATA status {:#04x}", answer[at_status]));
        return true;
    }

    aoetarget::DiscoveredTarget target_;
    int fd_;
    sockaddr_ll to_{};
    std::uint32_t tag_ = 0x80000080U; // bit 31 set in either byte order: not the Linux driver's
};

void write_disk(Disk& disk) {
    Bytes data(disk.sectors_per_frame() * aoetarget::sector_bytes);
    std::uint64_t lba = 0;
    for (;;) {
        const std::size_t bytes = std::fread(data.data(), 1, data.size(), stdin);
        const std::size_t sectors = bytes / aoetarget::sector_bytes;
        if (sectors == 0)
            return;
        disk.write(lba, std::span(data).first(sectors * aoetarget::sector_bytes));
        lba += sectors;
    }
}

void read_disk(Disk& disk, std::uint64_t sectors) {
    for (std::uint64_t lba = 0; lba < sectors;) {
        const Bytes data = disk.read(lba, std::min<std::uint64_t>(disk.sectors_per_frame(), sectors - lba));
        if (std::fwrite(data.data(), 1, data.size(), stdout) != data.size())
            throw Failure("cannot write to standard output");
        lba += data.size() / aoetarget::sector_bytes;
    }
}

} // namespace

int main(int argc, char** argv) {
    const std::vector<std::string> arguments(argv, argv + argc);
    const auto address = aoetarget::Address::parse(argc > 2 ? arguments[2] : "");
    const bool write = argc == 4 && arguments[3] == "write";
    const bool read = argc == 5 && arguments[3] == "read";
    if (!address || (!write && !read)) {
        fmt::print(stderr, "usage: quickstart_client IF SHELF.SLOT write < DATA\n"
                           "       quickstart_client IF SHELF.SLOT read SECTORS > DATA\n");
        return 2;
    }
    try {
        Disk disk(arguments[1], *address);
        if (write)
            write_disk(disk);
        else
            read_disk(disk, std::strtoull(argv[4], nullptr, 10));
        return std::fflush(stdout) == 0 ? 0 : 1;
    } catch (const std::exception& error) {
        fmt::print(stderr, "quickstart_client: {}\n", error.what());
        return 1;
    }
}
