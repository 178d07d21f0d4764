// A loop around epoll(7). The descriptor is waited for level-triggered: with EPOLLET it would be silent after
// a turn that left something to do.
#include "serve_file.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

int main(int argc, char* argv[]) {
    struct epoll_event event;
    const int loop = epoll_create1(EPOLL_CLOEXEC);
    serve_file(argc, argv);
    memset(&event, 0, sizeof event);
    event.events = EPOLLIN;
    require(epoll_ctl(loop, EPOLL_CTL_ADD, aoetarget_fd(target), &event) == 0, "epoll_ctl", strerror(errno));
    while (serve_on())
        epoll_wait(loop, &event, 1, -1); // a signal may end it, too
    close(loop);                         // before the descriptor that it waits for
    return aoetarget_destroy(target);
}
