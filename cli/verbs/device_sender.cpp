// Opens, and packs several into a packet.
#include "verbs/device_sender.hpp"

#include "config/path_text.hpp"
#include "control/packet.hpp"
#include "exit_code.hpp"
#include "failure.hpp"
#include "file_limit.hpp"
#include "same_file.hpp"
#include "text.hpp"

#include <aoetarget/hand_over.hpp>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <memory>
#include <optional>
#include <string_view>
#include <system_error>
#include <utility>

#include <sys/stat.h>

namespace cli {
namespace {

using nlohmann::json;

constexpr std::size_t longest_packet = max_control_bytes / 2; // and one more device

struct Opened {
    std::unique_ptr<aoetarget::FileDevice> device;
    /// The export whose disk it is. It shares the lock of that one's device, if files have locks there.
    std::optional<aoetarget::Address> replaces = {};
};

bool has_export(const Configuration& configuration, const aoetarget::Address& address) {
    return std::ranges::any_of(configuration.exports,
                               [&](const ExportSpec& spec) { return spec.options.address == address; });
}

/// Returns whether the target has exclusive use of the disk, which all its exports may share.
bool is_in_exclusive_use(const std::string& path, const Configuration& present) {
    struct stat status {};
    return stat(path.c_str(), &status) == 0 && S_ISBLK(status.st_mode) &&
           std::ranges::any_of(present.exports, [&](const ExportSpec& other) {
               return !other.file.force && !other.file.read_only && are_same_file(other.path, path);
           });
}

/// Returns whether both would serve a part of the file.
bool overlap(const aoetarget::FileOptions& one, const aoetarget::FileOptions& other) {
    const auto ends_by = [](const aoetarget::FileOptions& first, const aoetarget::FileOptions& second) {
        return first.length_bytes != 0 && first.offset_bytes <= second.offset_bytes &&
               first.length_bytes <= second.offset_bytes - first.offset_bytes;
    };
    return !ends_by(one, other) && !ends_by(other, one);
}

/// Returns an export of `present` that has this file or disk, or null. That one with the same address comes
/// first, then one that is in the way of the new one, and of two such that one which ends.
const ExportSpec* find_owner(const ExportSpec& spec, const Configuration& present,
                             const Configuration& wanted) {
    const auto rank = [&](const ExportSpec& other) {
        if (other.options.address == spec.options.address)
            return 4;
        return (overlap(other.file, spec.file) ? 2 : 0) + (has_export(wanted, other.options.address) ? 0 : 1);
    };
    const ExportSpec* owner = nullptr;
    for (const ExportSpec& other : present.exports) {
        if ((owner == nullptr || rank(other) > rank(*owner)) && are_same_file(other.path, spec.path))
            owner = &other;
    }
    return owner;
}

/// Returns why the disk of `owner` cannot become that of `spec`, or nothing.
std::string obstacle_to_move(const ExportSpec& spec, const ExportSpec& owner, const Configuration& present,
                             const Configuration& wanted) {
    const std::string served =
        fmt::format("the target serves {} as {}", spec.path, to_string(owner.options.address));
    const std::string cure = fmt::format("; remove {} first", to_string(owner.options.address));
    if (has_export(wanted, owner.options.address))
        return served + " already, and keeps others off it" + cure;
    if (has_export(present, spec.options.address))
        return served +
               ", and only an export that is new can take it over in one change: this one would "
               "serve it while the other still does" +
               cure;
    return {};
}

/// The target itself holds the lock of a file that it is to open anew, or to serve at another address, and
/// has a disk of which it is to serve another part in exclusive use.
Opened open(const ExportSpec& spec, const Configuration& present, const Configuration& wanted) {
    const ExportSpec* owner = find_owner(spec, present, wanted);
    if (owner == nullptr)
        return {aoetarget::open_file(spec.path, spec.file)};
    const bool is_own = owner->options.address == spec.options.address;
    const std::string obstacle = is_own ? std::string() : obstacle_to_move(spec, *owner, present, wanted);
    const std::optional<aoetarget::Address> moves_from =
        is_own || !obstacle.empty() || !overlap(owner->file, spec.file)
            ? std::nullopt
            : std::optional(owner->options.address);
    aoetarget::FileOptions unclaimed = spec.file;
    unclaimed.replaces = is_in_exclusive_use(spec.path, present);
    try {
        return {aoetarget::open_file(spec.path, spec.file), moves_from};
    } catch (const std::system_error& error) {
        if (error.code() != std::errc::device_or_resource_busy)
            throw;
        if (!obstacle.empty() && unclaimed.replaces)
            return {aoetarget::open_unclaimed(spec.path, unclaimed)};
        if (!overlap(owner->file, spec.file))
            throw; // somebody else has it, or the cache of another export is the other one
        if (!obstacle.empty())
            throw Failure(exit_failed, fmt::format("{}: {}", to_string(spec.options.address), obstacle));
    }
    return {aoetarget::open_unclaimed(spec.path, unclaimed), owner->options.address};
}

void say_note(const std::string& note) {
    say(Priority::notice, fmt::format("note: {}\n", single_line(note)));
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
            facts.push_back(path_text(std::string(left.substr(0, left.find('\0'))))); // each ends with a zero
        json entry{
            {"export", to_string(address)}, {"facts", std::move(facts)}, {"files", parts.descriptors.size()}};
        if (opened.replaces)
            entry["replaces"] = to_string(*opened.replaces);
        bytes_ += parts.facts.size();
        descriptors_.insert(descriptors_.end(), parts.descriptors.begin(), parts.descriptors.end());
        entries_.push_back(std::move(entry));
        devices_.push_back(std::move(opened.device));
    }
    void send(ControlClient& client) {
        if (entries_.empty())
            return;
        client.ask({{"do", "open"}, {"devices", std::exchange(entries_, json::array())}},
                   std::exchange(descriptors_, {}));
        // The exclusive use of a disk is kept for its other parts, which are still to be opened.
        std::erase_if(devices_, [](const auto& device) {
            return take_apart(*device).descriptors.size() < aoetarget::DeviceParts::max_descriptors;
        });
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
                     const Configuration& present, const Configuration& wanted, const Failed& failed,
                     Sending sending) {
    raise_file_limit();
    Parcel parcel;
    const auto open_one = [&](const ExportSpec& spec) {
        Opened opened = open(spec, present, wanted);
        for (const std::string& note : opened.device->notes())
            say_note(fmt::format("{}: {}", to_string(spec.options.address), note));
        parcel.add(spec.options.address, std::move(opened));
        if (sending == Sending::one_by_one)
            parcel.send(client);
    };
    for (const ExportSpec& spec : exports) {
        try {
            open_one(spec);
        } catch (const std::system_error& error) {
            if (!failed)
                throw;
            failed(spec, Failure(exit_code_of(error), message_of(error)));
        } catch (const Failure& failure) {
            if (!failed)
                throw;
            failed(spec, failure);
        }
        if (parcel.is_full())
            parcel.send(client);
    }
    parcel.send(client);
}

void say_notes(const json& answer) {
    for (const json& note : answer.value("notes", json::array()))
        say_note(note.get<std::string>());
}

} // namespace cli
