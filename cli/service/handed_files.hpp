// Files of exports that the service manager has opened for this process, which then needs no right to open
// them: sd_listen_fds_with_names(3).
#pragma once

#include "config/configuration.hpp"
#include "control/descriptor.hpp"

#include <aoetarget/file_device.hpp>

#include <map>
#include <memory>
#include <string>
#include <vector>

namespace cli {

class HandedFiles {
  public:
    /// Takes over all descriptors that were handed to this process. Each has a name that tells its export,
    /// "export-1.1". Throws Failure (failure.hpp) if one fits no export of the configuration.
    explicit HandedFiles(const Configuration& configuration);

    /// Makes the device of the export, or returns null if nobody has handed its file over. Throws as
    /// aoetarget::adopt_file() does; then the file is still there for another attempt.
    std::unique_ptr<aoetarget::FileDevice> take(const ExportSpec& spec);

  private:
    void add(const std::string& name, Descriptor file, const Configuration& configuration);

    std::map<aoetarget::Address, Descriptor> files_;
};

} // namespace cli
