// A prepared interface on its way to a target.
#pragma once

#include <aoetarget-c/hand_over.h>
#include <aoetarget/hand_over.hpp>

#include <memory>

struct aoetarget_prepared_interface {
    std::unique_ptr<aoetarget::PreparedInterface> interface;
    aoetarget::InterfaceParts parts{};
};

namespace aoetarget::c_interface {

/// Takes it out of its handle, which ends.
inline std::unique_ptr<PreparedInterface> released(aoetarget_prepared_interface* prepared) noexcept {
    const std::unique_ptr<aoetarget_prepared_interface> handle(prepared);
    return handle != nullptr ? std::move(handle->interface) : nullptr;
}

} // namespace aoetarget::c_interface
