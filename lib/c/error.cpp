// The last error of each thread.
#include "c/error.hpp"

#include <aoetarget-c/base.h>
#include <aoetarget/target.hpp>

#include <algorithm>
#include <array>
#include <new>
#include <string_view>
#include <system_error>

namespace aoetarget::c_interface {
namespace {

// It has no destructor, so a thread that ends calls nothing in this library, which may be unloaded by then.
thread_local std::array<char, 512> last_error;

int keep(int error, std::string_view text) noexcept {
    const std::size_t length = text.copy(last_error.data(), last_error.size() - 1);
    last_error[length] = '\0';
    return -error;
}

/// Only numbers of errno(3) may leave.
int errno_of(const std::error_code& code) noexcept {
    const bool is_errno =
        code.category() == std::generic_category() || code.category() == std::system_category();
    return is_errno && code.value() > 0 ? code.value() : EIO;
}

} // namespace

int caught() noexcept {
    try {
        throw;
    } catch (const std::bad_alloc&) {
        return keep(ENOMEM, "there is not enough memory; free some, or raise the limit of this process");
    } catch (const std::system_error& error) {
        return keep(errno_of(error.code()), error.what());
    } catch (const std::exception& error) {
        return keep(EIO, error.what());
    } catch (...) {
        return keep(EIO, "the library met an error of an unknown kind");
    }
}

void refuse(int error, const char* text) {
    throw std::system_error(error, std::generic_category(), text);
}

} // namespace aoetarget::c_interface

const char* aoetarget_error() {
    return aoetarget::c_interface::last_error.data();
}

const char* aoetarget_version() {
    return aoetarget::version();
}
