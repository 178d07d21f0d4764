// How exports come to a target, get other devices, and go.
#include "target_impl.hpp"

#include "checks.hpp"
#include "protocol/identify.hpp"
#include "storage/ring_device.hpp"

namespace aoetarget {
namespace {

/// Returns the same text for the same volume on the same machine, or on each if the volume's identity is
/// global, and different ones for different volumes.
std::string default_serial(const std::string& machine, const Address& address, const BlockDevice& device) {
    const std::string identity = device.identity();
    const bool is_global = device.is_identity_global() && !identity.empty();
    const std::string source =
        is_global ? identity : fmt::format("{}\n{}\n{}", machine, identity, to_string(address));
    return fmt::format("{:016X}", protocol::fnv1a(source));
}

std::string served_text(const core::Export& exported) {
    const std::uint64_t sectors = exported.geometry().sectors;
    return exported.has_interface()
               ? fmt::format("It is served now, with {} sectors.", sectors)
               : fmt::format("It is there, with {} sectors, and served on no interface yet.", sectors);
}

/// Nothing would keep other programs off the file meanwhile.
void refuse_unclaimed(const Address& address, const BlockDevice& device) {
    const auto* ring_device = dynamic_cast<const storage::RingDevice*>(&device);
    if (ring_device != nullptr && ring_device->is_unclaimed())
        refuse(EINVAL, fmt::format("export {}: open_unclaimed() has opened the device for another process; "
                                   "use open_file()",
                                   to_string(address)));
}

} // namespace

std::vector<std::string> Target::Impl::add_export(ExportOptions options,
                                                  std::unique_ptr<BlockDevice> device) {
    check(options);
    if (device == nullptr)
        refuse(EINVAL, fmt::format("export {}: there is no device; pass one", to_string(options.address)));
    // These calls come first, because the device may call the target meanwhile.
    const Geometry geometry = device->geometry();
    if (options.serial.empty())
        options.serial = default_serial(machine_, options.address, *device);
    check(options.address, geometry);
    refuse_unclaimed(options.address, *device);
    refuse_if_stopping("export " + to_string(options.address));
    if (core_.has_export(options.address))
        refuse(EEXIST, fmt::format("export {}: the address is in use; choose another one",
                                   to_string(options.address)));
    if (states_ && states_->is_saving(options.address))
        refuse(EBUSY,
               fmt::format(
                   "export {}: the state of an earlier export with this address is being saved; try again",
                   to_string(options.address)));
    storage::StateDirectory::Loaded kept;
    if (states_)
        kept = states_->load(options.address);
    take_in(options.address, *device, geometry); // last of what may throw: it watches the path
    core_.tell_time(std::chrono::steady_clock::now().time_since_epoch());
    core_.add_export(options, std::move(device), geometry, kept.state);
    addresses_changed();
    wakeup_.wake(); // to announce it
    if (has_begun_)
        events_.tell(Severity::notice, EventKind::export_added, to_string(options.address),
                     served_text(*core_.find_export(options.address)));
    if (kept.note.empty())
        return {};
    if (has_begun_)
        events_.tell(Severity::warning, EventKind::state_set_aside, to_string(options.address), kept.note);
    return {kept.note};
}

bool Target::Impl::change_export(const ExportOptions& options) {
    check(options);
    const std::string name = "export " + to_string(options.address);
    refuse_if_stopping(name);
    const core::Export* present = core_.find_export(options.address);
    if (present == nullptr)
        return false;
    const auto check_same = [&](std::string_view what, const std::string& now, const std::string& wanted) {
        if (wanted != now)
            refuse(EINVAL,
                   fmt::format("{}: its {} is \"{}\" and cannot become \"{}\", because initiators know the "
                               "disk by it; remove the export and add it again",
                               name, what, now, wanted));
    };
    if (!options.serial.empty())
        check_same("serial number", present->serial(), options.serial);
    check_same("model", present->model(), options.model);
    const bool was_hidden = !present->has_interface();
    core_.change_export(options, std::chrono::steady_clock::now().time_since_epoch());
    addresses_changed();
    wakeup_.wake(); // to announce it, and to look for requests that are overdue now
    if (has_begun_)
        events_.tell(Severity::notice, EventKind::export_changed, to_string(options.address),
                     was_hidden ? served_text(*present) : "It has other options now.");
    return true;
}

bool Target::Impl::replace_device(const Address& address, std::unique_ptr<BlockDevice> device,
                                  const std::string& what) {
    const std::string name = "export " + to_string(address);
    if (device == nullptr)
        refuse(EINVAL, name + ": there is no device; pass one");
    const Geometry geometry = device->geometry(); // first, because the device may call the target meanwhile
    check(address, geometry);
    refuse_unclaimed(address, *device);
    refuse_if_stopping(name);
    const core::Export* present = core_.find_export(address);
    if (present == nullptr)
        return false;
    if (geometry.sectors < present->geometry().sectors)
        refuse(EINVAL,
               fmt::format(
                   "{}: the new device has {} sectors and initiators know of {}; to serve a smaller one, "
                   "remove the export and add it again",
                   name, geometry.sectors, present->geometry().sectors));
    if (shares_foreign_lock(address, *device))
        refuse(EBUSY, name + ": the new device shares the lock of another export, which would write to the "
                             "same sectors; remove that one first");
    take_in(address, *device, geometry);
    core_.replace_device(address, std::move(device), geometry, what);
    wakeup_.wake(); // the flush has to be started
    return true;
}

bool Target::Impl::shares_foreign_lock(const Address& address, const BlockDevice& device) const {
    const auto* sharer = dynamic_cast<const storage::RingDevice*>(&device);
    if (sharer == nullptr || !sharer->shares_lock())
        return false;
    const core::Export* present = core_.find_export(address);
    return present == nullptr || !present->has_device([&](const BlockDevice& own) {
        const auto* owner = dynamic_cast<const storage::RingDevice*>(&own);
        return owner != nullptr && sharer->shares_lock_with(*owner);
    });
}

void Target::Impl::take_in(const Address& address, BlockDevice& device, const Geometry& geometry) {
    device.set_host(device_host_);
    disks_.remove(address);
    if (auto* ring_device = dynamic_cast<storage::RingDevice*>(&device)) {
        ring_device->attach(ring_);
        paths_.add(address, ring_device->place());
        disks_.add(address, ring_device->place().file);
    } else {
        paths_.remove(address);
    }
    memories_.align_payload(geometry.memory_alignment);
}

std::optional<std::uint64_t> Target::Impl::export_sectors(const Address& address) const {
    const core::Export* present = core_.find_export(address);
    return present == nullptr ? std::nullopt : std::optional(present->geometry().sectors);
}

std::optional<std::uint64_t> Target::Impl::device_sectors(const Address& address) const {
    const core::Export* present = core_.find_export(address);
    return present == nullptr ? std::nullopt : std::optional(present->device_sectors());
}

std::uint64_t Target::Impl::resize_export(const Address& address) {
    const std::uint64_t sectors = core_.resize_export(address);
    wakeup_.wake(); // to announce it
    return sectors;
}

bool Target::Impl::remove_export(const Address& address, std::function<void()> gone, const std::string& why) {
    if (!core_.has_export(address))
        return false;
    std::shared_ptr<void> hold;
    if (gone)
        hold = {nullptr, [this, gone = std::move(gone)](void*) { calls_.post(gone); }};
    core_.remove_export(address, std::move(hold));
    paths_.remove(address);
    disks_.remove(address);
    addresses_changed();
    wakeup_.wake(); // the flush has to be started
    if (has_begun_)
        events_.tell(Severity::notice, EventKind::export_removed, to_string(address),
                     why.empty() ? "It is served no longer."
                                 : fmt::format("It is served no longer: {}", why));
    return true;
}

} // namespace aoetarget
