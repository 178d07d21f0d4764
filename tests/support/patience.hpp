// A limit for tests that wait: one that hangs ends the program instead of the whole run.
#pragma once

#include <unistd.h>

namespace aoetest {

/// There is one limit at a time: the last one made counts, until it ends. It is far above what a busy machine
/// needs under a sanitizer.
class Patience {
  public:
    Patience() { alarm(120); }
    ~Patience() { alarm(0); }
    Patience(const Patience&) = delete;
    Patience& operator=(const Patience&) = delete;
};

} // namespace aoetest
