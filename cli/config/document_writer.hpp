// Makes documents of configurations. read_documents() makes an equal configuration of such a document.
#pragma once

#include "config/configuration.hpp"
#include "config/document.hpp"

namespace cli {

// Each returns what differs from the defaults, and throws std::runtime_error if a text (a path of an
// argument) is not UTF-8, which documents have to be.
Table to_document(const Configuration& configuration);
Table to_document(const InterfaceSpec& spec);
Table to_document(const ExportSpec& spec);

} // namespace cli
