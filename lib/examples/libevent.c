// A loop of libevent.
#include "serve_file.h"

#include <event2/event.h>

static void on_readable(evutil_socket_t fd, short what, void* event) {
    (void)fd;
    (void)what;
    if (!serve_on())
        event_del((struct event*)event); // then the loop has no event left, and ends
}

int main(int argc, char* argv[]) {
    struct event_base* loop = event_base_new();
    struct event* event;
    serve_file(argc, argv);
    event = event_new(loop, aoetarget_fd(target), EV_READ | EV_PERSIST, on_readable, event_self_cbarg());
    event_add(event, NULL);
    event_base_dispatch(loop);
    event_free(event);
    event_base_free(loop);
    return aoetarget_destroy(target);
}
