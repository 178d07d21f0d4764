// A directory with one file for the state of each export, replaced as a whole and synced before anybody is
// told: after a power cut a file holds what was acknowledged last, or what was being saved then.
#pragma once

#include "core/protocol_state.hpp"
#include "ring/ring.hpp"

#include <map>
#include <memory>
#include <optional>
#include <string>

namespace aoetarget::storage {

class StateDirectory final : public core::StateStore {
  public:
    struct Loaded {
        core::ProtocolState state; ///< Empty lists where nothing was kept.
        std::string note;          ///< If not empty: what people should know.
    };

    /// Makes the directory (not its parents) if it is not there. Throws std::system_error with the path, the
    /// cause and the cure.
    StateDirectory(ring::Ring& ring, std::string path);
    ~StateDirectory();

    /// Reads what was kept for `address`, and gets ready to save it. May wait for the disk: before the loop.
    /// A damaged file is set aside under a name that nothing has, which the note tells. Throws
    /// std::system_error with the path, the cause and the cure where the file cannot be read, or is not a
    /// regular file with one name and an owner whom this process trusts: itself, root, or the directory's.
    Loaded load(const Address& address);
    /// A save for `address` is under way: load() has to wait.
    [[nodiscard]] bool is_saving(const Address& address) const;
    void save(const Address& address, const core::ProtocolState& state, core::StateSaver& saver) override;

  private:
    class Save;

    const std::string path_;
    ring::Ring& ring_;
    ring::FileDescriptor directory_;
    std::map<Address, std::unique_ptr<Save>> saves_;
};

} // namespace aoetarget::storage
