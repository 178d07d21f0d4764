// Names for initiators, which `allow` can use: a name stands for MAC addresses, patterns and other names.
#pragma once

#include <aoetarget/address.hpp>

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace cli {

/// As somebody has written them.
using HostNames = std::map<std::string, std::vector<std::string>, std::less<>>;

/// At most so many initiators fit a list, be it that of an export or of a name.
inline constexpr std::size_t max_allowed = 255;

class Hosts {
  public:
    using Complain = std::function<void(const std::string& name, const std::string& error)>;

    Hosts() = default;
    /// For names that have been read before, and were understood.
    explicit Hosts(const HostNames& names);
    /// Finds out for whom each name stands. `complain` is called with each name that cannot be understood,
    /// and the reason; such a name stands for nobody.
    Hosts(const HostNames& names, const Complain& complain);

    /// Returns the initiators that the members of a list stand for, each once. Throws UsageError, which calls
    /// the list `what`.
    [[nodiscard]] std::vector<aoetarget::MacPattern> resolve(std::string_view what,
                                                             const std::vector<std::string>& list) const;

  private:
    class Resolver;

    [[noreturn]] void complain_of(std::string_view what, const std::string& member) const;

    std::map<std::string, std::vector<aoetarget::MacPattern>, std::less<>> resolved_;
};

} // namespace cli
