// Finds the narrowest place.
#include "net/buffer_bound.hpp"

#include <fmt/format.h>

namespace aoetarget::net {

std::string buffer_bound(unsigned wanted, unsigned advertised, unsigned of_link, bool has_lane) {
    if (wanted <= advertised)
        return {};
    if (advertised < of_link)
        return fmt::format("there is memory for {} requests of one export", advertised);
    return has_lane ? fmt::format("AF_XDP has room for {} frames here (link=packet may have room for more)",
                                  of_link)
                    : fmt::format("the receive buffer has room for {} frames at this MTU", of_link);
}

} // namespace aoetarget::net
