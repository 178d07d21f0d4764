// The exports of a target.
#include "c/device.hpp"
#include "c/options.hpp"
#include "c/structs.hpp"
#include "c/target.hpp"
#include "c/user_data.hpp"

using namespace aoetarget::c_interface;

namespace {

constexpr const char* no_export = "the target has no export with this address; add it first";

} // namespace

int aoetarget_add_export(aoetarget_target* target, const aoetarget_export_options* options,
                         aoetarget_device* device) {
    auto taken_over = released(device);
    return on_its_thread(target, [&](aoetarget::Target& it) {
        target->notes = it.add_export(options_from(options), std::move(taken_over));
        return static_cast<int>(target->notes.size());
    });
}

const char* aoetarget_export_note(aoetarget_target* target, size_t index) {
    return pointer_on_its_thread(target,
                                 [&](aoetarget::Target&) { return entry_of(target->notes, index).c_str(); });
}

int aoetarget_change_export(aoetarget_target* target, const aoetarget_export_options* options) {
    return on_its_thread(target, [&](aoetarget::Target& it) {
        return found(it.change_export(options_from(options)), no_export);
    });
}

int aoetarget_replace_device(aoetarget_target* target, uint16_t shelf, uint8_t slot,
                             aoetarget_device* device) {
    auto taken_over = released(device);
    return on_its_thread(target, [&](aoetarget::Target& it) {
        return found(it.replace_device({shelf, slot}, std::move(taken_over)), no_export);
    });
}

int aoetarget_shares_foreign_lock(aoetarget_target* target, uint16_t shelf, uint8_t slot,
                                  const aoetarget_device* device) {
    return on_its_thread(target, [&](aoetarget::Target& it) {
        const auto& handle = needed(device, "there is no device; pass one");
        return it.shares_foreign_lock({shelf, slot}, *handle.device) ? 1 : 0;
    });
}

int aoetarget_export_sectors(aoetarget_target* target, uint16_t shelf, uint8_t slot, uint64_t* sectors) {
    return on_its_thread(target, [&](aoetarget::Target& it) {
        const std::optional<std::uint64_t> known = it.export_sectors({shelf, slot});
        needed(sectors, "there is no place for the number of sectors; pass one") = known.value_or(0);
        return found(known.has_value(), no_export);
    });
}

int aoetarget_device_sectors(aoetarget_target* target, uint16_t shelf, uint8_t slot, uint64_t* sectors) {
    return on_its_thread(target, [&](aoetarget::Target& it) {
        const std::optional<std::uint64_t> known = it.device_sectors({shelf, slot});
        needed(sectors, "there is no place for the number of sectors; pass one") = known.value_or(0);
        return found(known.has_value(), no_export);
    });
}

int aoetarget_resize_export(aoetarget_target* target, uint16_t shelf, uint8_t slot, uint64_t* sectors) {
    return on_its_thread(target, [&](aoetarget::Target& it) {
        const std::uint64_t capacity = it.resize_export({shelf, slot});
        if (sectors != nullptr)
            *sectors = capacity;
        return found(capacity != 0, no_export);
    });
}

int aoetarget_remove_export(aoetarget_target* target, uint16_t shelf, uint8_t slot, void (*gone)(void* user),
                            void (*destroy)(void* user), void* user) {
    UserData held(user, destroy);
    return on_its_thread(target, [&](aoetarget::Target& it) {
        return found(it.remove_export({shelf, slot}, bound(gone, std::move(held))), no_export);
    });
}
