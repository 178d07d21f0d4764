// Files of exports, and sockets of interfaces, that the service manager has opened for this process, which
// then needs no right to open them: sd_listen_fds_with_names(3).
#pragma once

#include "config/configuration.hpp"
#include "control/descriptor.hpp"

#include <aoetarget/file_device.hpp>
#include <aoetarget/hand_over.hpp>

#include <map>
#include <memory>
#include <string>
#include <vector>

namespace cli {

class HandedFiles {
  public:
    /// Takes over all descriptors that were handed to this process. Each has a name that tells its export,
    /// "export-1.1", or its interface, "interface-eth1". Throws Failure (failure.hpp) if one fits nothing in
    /// the configuration.
    explicit HandedFiles(const Configuration& configuration);

    /// Makes the device of the export, or returns null if nobody has handed its file over. Throws as
    /// aoetarget::adopt_file() does; then the file is still there for another attempt.
    std::unique_ptr<aoetarget::FileDevice> take(const ExportSpec& spec);

    /// Makes what one of `threads` threads needs to serve the interface, or returns null if nobody has handed
    /// sockets over. Each call takes an equal part of the sockets. Throws Failure if they are not 1 to 3 for
    /// each thread, and std::system_error as aoetarget::put_together() does.
    std::unique_ptr<aoetarget::PreparedInterface> take(const InterfaceSpec& spec, std::size_t threads);

  private:
    void add(const std::string& name, Descriptor file, const Configuration& configuration);
    void add_file(const aoetarget::Address& address, const std::string& name, Descriptor file);

    std::map<aoetarget::Address, Descriptor> files_;
    struct Sockets {
        std::vector<Descriptor> all;
        std::size_t next = 0;
    };
    std::map<std::string, Sockets> sockets_; ///< Of each interface, in the order in which they came.
};

} // namespace cli
