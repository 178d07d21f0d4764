// A directory with one file for the state of each export. A file is replaced as a whole and synced before the
// change is acknowledged, so after a power cut it holds the state that was acknowledged last, or the one that
// was being saved then.
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
        core::ProtocolState state; ///< Empty if the directory has no state for the export.
        std::string note;          ///< A human-readable sentence if a damaged file was set aside, else empty.
    };

    /// Makes the directory (not its parents) if it is not there. Throws std::system_error with the path, the
    /// cause and the cure.
    StateDirectory(ring::Ring& ring, std::string path);
    ~StateDirectory();

    /// Reads the state of `address`, and gets ready to save it. It may wait for the disk. It sets a damaged
    /// file aside under a new name, which the note tells. Throws std::system_error with the path, the cause
    /// and the cure if the file cannot be read, or is not a regular file with one name and a trusted owner:
    /// this process's user, root, or the owner of the directory.
    Loaded load(const Address& address);
    /// Returns whether a save for `address` is under way; load() must not be called then.
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
