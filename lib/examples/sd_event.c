// A loop of sd-event(3).
#include "serve_file.h"

#include <systemd/sd-event.h>

static int on_readable(sd_event_source* source, int fd, uint32_t events, void* loop) {
    (void)source;
    (void)fd;
    (void)events;
    return serve_on() ? 0 : sd_event_exit((sd_event*)loop, 0);
}

int main(int argc, char* argv[]) {
    sd_event* loop = NULL;
    sd_event_source* source = NULL;
    require(sd_event_new(&loop) >= 0, "sd_event_new", "no memory");
    serve_file(argc, argv);
    sd_event_add_io(loop, &source, aoetarget_fd(target), EPOLLIN, on_readable, loop);
    sd_event_loop(loop);
    sd_event_source_unref(source);
    sd_event_unref(loop);
    return aoetarget_destroy(target);
}
