// What a peer of the control socket has opened for a change: devices and interfaces, as its packet brings
// them.
#pragma once

#include "control/budget.hpp"
#include "control/descriptor.hpp"

#include <aoetarget/file_device.hpp>
#include <aoetarget/hand_over.hpp>

#include <nlohmann/json_fwd.hpp>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace cli {

/// A device that was opened for an export.
struct OpenDevice {
    std::unique_ptr<aoetarget::FileDevice> device;
    /// The export whose disk it is now, too: that one gives it up before this device serves.
    std::optional<aoetarget::Address> replaces = {};
    Share share = {}; ///< While it waits for a change.
};
using OpenDevices = std::map<aoetarget::Address, OpenDevice>;

/// An interface that was prepared, once for each thread. The first may have an XDP program.
struct OpenInterface {
    std::vector<std::unique_ptr<aoetarget::PreparedInterface>> prepared;
    std::vector<Share> shares;
};
using OpenInterfaces = std::map<std::string, OpenInterface>;

struct Opened {
    OpenDevices devices = {};
    OpenInterfaces interfaces = {};
};

/// Adds the contents of a packet: each device has the facts and the number of descriptors of
/// aoetarget::DeviceParts, and each interface the numbers of those of aoetarget::InterfaceParts. Of two
/// devices for one export, the later counts. Throws Failure, std::system_error and nlohmann::json::exception;
/// then nothing was added.
void add_opened(Opened& opened, const nlohmann::json& request, std::vector<Descriptor>& descriptors,
                const std::shared_ptr<Account>& account);

/// Takes one that was prepared for this interface, that with the XDP program if `with_xdp`, or another.
/// Returns null if there is none left.
std::unique_ptr<aoetarget::PreparedInterface> take_prepared(OpenInterfaces& interfaces,
                                                            const std::string& name, bool with_xdp);

} // namespace cli
