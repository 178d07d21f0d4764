// Discovery, for tools.
#include "c/discovered.hpp"

#include <chrono>
#include <memory>

using namespace aoetarget::c_interface;

struct aoetarget_discovery {
    std::vector<aoetarget::DiscoveredTarget> targets;
};

aoetarget_discovery* aoetarget_discover(const char* interface_name, int64_t timeout_ms) {
    return guarded_pointer([&] {
        auto discovery = std::make_unique<aoetarget_discovery>();
        discovery->targets =
            aoetarget::discover(&needed(interface_name, "the interface has no name; pass one"),
                                std::chrono::milliseconds(timeout_ms));
        return discovery.release();
    });
}

void aoetarget_destroy_discovery(aoetarget_discovery* discovery) {
    delete discovery;
}

size_t aoetarget_discovery_count(const aoetarget_discovery* discovery) {
    return discovery != nullptr ? discovery->targets.size() : 0;
}

int aoetarget_discovery_entry(const aoetarget_discovery* discovery, size_t index, aoetarget_discovered* out,
                              size_t size) {
    return guarded([&] {
        return fill_entry(
            needed(discovery, "there is no list; pass what aoetarget_discover() has returned").targets, index,
            out, size);
    });
}
