// Reads configurations from documents (document.hpp), and says all that is wrong with them.
#pragma once

#include "config/configuration.hpp"
#include "config/document.hpp"

#include <functional>
#include <string>
#include <vector>

namespace cli {

/// Where a part of a configuration comes from.
struct Origin {
    std::size_t document = 0;
    Place place;

    auto operator<=>(const Origin&) const = default;
};

struct Complaint {
    Origin origin;
    std::string text;
};

/// What documents say, as far as it could be understood.
struct Reading {
    Configuration configuration;
    Hosts hosts;
    std::vector<Origin> interface_origins; ///< one for each of configuration.interfaces
    std::vector<Origin> export_origins;    ///< one for each of configuration.exports
    std::vector<Complaint> complaints;
};

/// Reads documents, which are tables, as if they were one.
Reading read_documents(const std::vector<Node>& documents);

using Complain = std::function<void(Place place, const std::string& text)>;

/// Read an element of [[interface]] or [[export]], which is a table. Each returns whether the name or the
/// address is right, without which an entry is none.
bool read_interface(const Node& node, InterfaceSpec& spec, const Complain& complain);
bool read_export(const Node& node, ExportSpec& spec, const Hosts& hosts, const Complain& complain);

} // namespace cli
