// Reports as packets: kind and export, then the text or the facts of the device, and its descriptors beside.
#include "service/disk_message.hpp"

#include "control/packet.hpp"

#include <algorithm>
#include <cstring>

#include <sys/socket.h>

namespace cli {
namespace {

using aoetarget::DeviceParts;

struct Header {
    DiskReport::Kind kind;
    std::uint32_t exported;
};

} // namespace

bool send(int socket, const DiskReport& report) {
    const Header header{report.kind, report.exported};
    const std::string& text = report.kind == DiskReport::Kind::device ? report.device.facts : report.text;
    std::string packet(reinterpret_cast<const char*>(&header), sizeof header);
    packet += std::string_view(text).substr(0, DeviceParts::max_facts_bytes);
    return send_packet(socket, packet, report.device.descriptors);
}

std::optional<DiskReport> receive(int socket) {
    Packet packet{std::string(sizeof(Header) + DeviceParts::max_facts_bytes, '\0'), {}};
    const Received received = receive_packet(socket, packet, MSG_DONTWAIT);
    if (received == Received::nothing || received == Received::end)
        return std::nullopt;
    Header header{};
    std::memcpy(&header, packet.text.data(), std::min(sizeof header, packet.text.size()));
    packet.text.erase(0, sizeof header);
    DiskReport report{.kind = header.kind, .exported = header.exported};
    (report.kind == DiskReport::Kind::device ? report.device.facts : report.text) = std::move(packet.text);
    for (Descriptor& descriptor : packet.descriptors)
        report.device.descriptors.push_back(descriptor.release());
    return report;
}

} // namespace cli
