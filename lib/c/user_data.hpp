// What the host gave to a callback, and has to get back exactly once.
#pragma once

#include <functional>
#include <memory>
#include <utility>

namespace aoetarget::c_interface {

class UserData {
  public:
    UserData(void* user, void (*destroy)(void*)) : user_(user), destroy_(destroy) {}
    UserData(UserData&& other) noexcept
        : user_(other.user_), destroy_(std::exchange(other.destroy_, nullptr)) {}
    UserData& operator=(UserData&&) = delete;
    ~UserData() {
        if (destroy_ != nullptr)
            destroy_(user_);
    }

    [[nodiscard]] void* get() const { return user_; }

  private:
    void* user_;
    void (*destroy_)(void*);
};

/// Returns a function that calls `call` with `user` before its own arguments, or none if there is no `call`.
/// If this throws or returns none, `user` keeps what it has.
template <typename... Arguments>
std::function<void(Arguments...)> bound(void (*call)(void*, Arguments...), UserData&& user) {
    if (call == nullptr)
        return {};
    return [call, held = std::make_shared<UserData>(std::move(user))](Arguments... arguments) {
        call(held->get(), arguments...);
    };
}

} // namespace aoetarget::c_interface
