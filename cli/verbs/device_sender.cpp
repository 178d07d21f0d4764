// Opens, and packs several into a packet.
#include "verbs/device_sender.hpp"

#include "control/packet.hpp"
#include "exit_code.hpp"
#include "failure.hpp"
#include "file_limit.hpp"
#include "text.hpp"

#include <aoetarget/hand_over.hpp>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <string_view>
#include <system_error>
#include <utility>

namespace cli {
namespace {

using nlohmann::json;

constexpr std::size_t longest_packet = max_control_bytes / 2; // and one more device

struct Opened {
    std::unique_ptr<aoetarget::FileDevice> device;
    bool replaces = false; ///< It shares the lock of the device in whose place it comes.
};

/// Returns an export of `present` that has this file or disk, or null. That one with the same address comes
/// first.
const ExportSpec* find_owner(const ExportSpec& spec, const std::vector<ExportSpec>& present) {
    const ExportSpec* owner = nullptr;
    for (const ExportSpec& other : present) {
        std::error_code none;
        const bool is_same = other.options.address == spec.options.address;
        if ((owner == nullptr || is_same) && std::filesystem::equivalent(other.path, spec.path, none))
            owner = &other;
    }
    return owner;
}

/// The target itself holds the lock of a file that it is to open anew.
Opened open(const ExportSpec& spec, const std::vector<ExportSpec>& present) {
    try {
        return {aoetarget::open_file(spec.path, spec.file)};
    } catch (const std::system_error& error) {
        const ExportSpec* owner = find_owner(spec, present);
        if (error.code() != std::errc::device_or_resource_busy || owner == nullptr)
            throw;
        if (owner->options.address != spec.options.address)
            throw Failure(exit_failed,
                          fmt::format("{0}: the target serves {1} as {2} already, and keeps others off it; "
                                      "remove {2} first",
                                      to_string(spec.options.address), spec.path,
                                      to_string(owner->options.address)));
    }
    return {aoetarget::open_unclaimed(spec.path, spec.file), true};
}

/// The devices of a packet. They stay open until the target has them.
class Parcel {
  public:
    [[nodiscard]] bool is_full() const {
        return descriptors_.size() + aoetarget::DeviceParts::max_descriptors > max_packet_descriptors ||
               bytes_ > longest_packet;
    }
    void add(const aoetarget::Address& address, Opened opened) {
        const aoetarget::DeviceParts parts = take_apart(*opened.device);
        json facts = json::array();
        for (std::string_view left = parts.facts; !left.empty(); left.remove_prefix(left.find('\0') + 1))
            facts.push_back(left.substr(0, left.find('\0'))); // each ends with a zero
        json entry{{"export", to_string(address)},
                   {"facts", std::move(facts)},
                   {"files", parts.descriptors.size()},
                   {"replaces", opened.replaces}};
        bytes_ += parts.facts.size();
        descriptors_.insert(descriptors_.end(), parts.descriptors.begin(), parts.descriptors.end());
        entries_.push_back(std::move(entry));
        devices_.push_back(std::move(opened.device));
    }
    void send(ControlClient& client) {
        if (!devices_.empty())
            client.ask({{"do", "open"}, {"devices", std::exchange(entries_, json::array())}}, descriptors_);
        descriptors_.clear();
        devices_.clear();
        bytes_ = 0;
    }

  private:
    json entries_ = json::array();
    std::vector<int> descriptors_;
    std::vector<std::unique_ptr<aoetarget::FileDevice>> devices_;
    std::size_t bytes_ = 0;
};

} // namespace

void open_for_target(ControlClient& client, const std::vector<ExportSpec>& exports,
                     const std::vector<ExportSpec>& present) {
    raise_file_limit();
    Parcel parcel;
    for (const ExportSpec& spec : exports) {
        Opened opened = open(spec, present);
        for (const std::string& note : opened.device->notes())
            say(Priority::notice,
                fmt::format("note: {}: {}\n", to_string(spec.options.address), single_line(note)));
        parcel.add(spec.options.address, std::move(opened));
        if (parcel.is_full())
            parcel.send(client);
    }
    parcel.send(client);
}

} // namespace cli
