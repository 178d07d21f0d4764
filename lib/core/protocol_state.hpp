// The settings of an export that initiators can change, and expect to find again after a restart; and the
// interface to their store.
#pragma once

#include "core/mac_list.hpp"
#include "protocol/aoe.hpp"

namespace aoetarget::core {

/// The config string of Query Config, which may have any bytes, up to max_config_string of them.
class ConfigString {
  public:
    [[nodiscard]] ConstBytes bytes() const { return ConstBytes(bytes_).first(size_); }
    [[nodiscard]] std::size_t size() const { return size_; }
    /// `bytes` must have at most protocol::max_config_string bytes.
    void assign(ConstBytes bytes) {
        std::ranges::copy(bytes, bytes_.begin());
        size_ = bytes.size();
    }
    friend bool operator==(const ConfigString& a, const ConfigString& b) {
        return std::ranges::equal(a.bytes(), b.bytes());
    }

  private:
    std::array<std::byte, protocol::max_config_string> bytes_{};
    std::size_t size_ = 0;
};

struct ProtocolState {
    ConfigString config;
    MacList mask_list;
    MacList reservation;

    friend bool operator==(const ProtocolState&, const ProtocolState&) = default;
};

/// Learns when the state that it gave to a StateStore is on stable storage.
class StateSaver {
  public:
    /// `error` is 0 or an errno value; after an error the store may have the new state or the old one.
    virtual void saved(int error) = 0;

  protected:
    ~StateSaver() = default;
};

/// Keeps the state of each export across restarts and power cuts.
class StateStore {
  public:
    /// Calls `saver.saved()` later, once. There is at most one save for an address at a time. `state` and
    /// `saver` must stay valid until then.
    virtual void save(const Address& address, const ProtocolState& state, StateSaver& saver) = 0;

  protected:
    ~StateStore() = default;
};

} // namespace aoetarget::core
