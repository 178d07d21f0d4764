// Devices of the host's own.
#include "c/device.hpp"

#include "c/device_host.hpp"

#include "c/structs.hpp"
#include "c/user_data.hpp"

#include <algorithm>
#include <array>
#include <optional>

namespace aoetarget::c_interface {
namespace {

constexpr std::size_t longest_identity = 1024;

Geometry geometry_from(const aoetarget_geometry& from) {
    Geometry geometry;
    geometry.sectors = from.sectors;
    if (from.logical_block_bytes != 0)
        geometry.logical_block_bytes = from.logical_block_bytes;
    geometry.physical_block_bytes =
        from.physical_block_bytes != 0 ? from.physical_block_bytes : geometry.logical_block_bytes;
    geometry.physical_offset_sectors = from.physical_offset_sectors;
    if (from.memory_alignment != 0)
        geometry.memory_alignment = from.memory_alignment;
    geometry.rotation_rate = from.rotation_rate;
    geometry.read_only = from.read_only != 0;
    geometry.volatile_cache = from.volatile_cache != 0;
    geometry.discard = from.discard != 0;
    geometry.discard_zeroes = from.discard_zeroes != 0;
    geometry.read_ahead = from.read_ahead != 0;
    return geometry;
}

class HostDevice final : public BlockDevice {
  public:
    HostDevice(const aoetarget_device_ops& ops, const Geometry& geometry, UserData&& user)
        : ops_(ops), geometry_(geometry), user_(std::move(user)) {}

    ~HostDevice() override {
        if (host_)
            host_->begin_callback(); // `destroy` may end what the device has asked for
    }

    [[nodiscard]] Geometry geometry() const override { return geometry_; }
    void set_host(DeviceHost& host) override {
        if (ops_.set_host == nullptr)
            return;
        host_.emplace(host, *this);
        host_->begin_callback();
        const int error = ops_.set_host(user_.get(), &*host_);
        host_->end_callback();
        if (error != 0)
            refuse(error < 0 ? -error : error, "the device cannot begin");
    }
    [[nodiscard]] bool is_identity_global() const override { return ops_.identity_is_global != 0; }
    void submit(Io& io) override { ops_.submit(user_.get(), reinterpret_cast<aoetarget_io*>(&io)); }
    std::uint64_t refresh_sectors() override {
        return ops_.refresh_sectors != nullptr ? ops_.refresh_sectors(user_.get()) : 0;
    }
    [[nodiscard]] bool refuses_writes() const override {
        return ops_.refuses_writes != nullptr && ops_.refuses_writes(user_.get()) != 0;
    }
    [[nodiscard]] std::string identity() const override {
        std::array<char, longest_identity> text{};
        const int length =
            ops_.identity != nullptr ? ops_.identity(user_.get(), text.data(), text.size()) : 0;
        return {text.data(), length < 0 ? 0 : std::min(static_cast<std::size_t>(length), text.size() - 1)};
    }

  private:
    const aoetarget_device_ops ops_;
    const Geometry geometry_;
    std::optional<aoetarget_device_host> host_; ///< Outlives what `destroy` does.
    const UserData user_;
};

} // namespace
} // namespace aoetarget::c_interface

using namespace aoetarget::c_interface;

aoetarget_device* aoetarget_create_device(const aoetarget_device_ops* ops, const aoetarget_geometry* geometry,
                                          void* user) {
    return guarded_pointer([&] {
        const aoetarget_device_ops known = known_part(ops);
        UserData held(user, known.destroy);
        check_size(ops);
        needed(known.submit, "a device needs the function submit");
        needed(geometry, "a device needs a geometry");
        auto handle = std::make_unique<aoetarget_device>();
        handle->device = std::make_unique<HostDevice>(known, geometry_from(taken(geometry)), std::move(held));
        return handle.release();
    });
}

void aoetarget_destroy_device(aoetarget_device* device) {
    released(device);
}
