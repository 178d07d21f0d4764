// A loop of libuv. There may be one handle for a descriptor, and it must be closed before the target is
// destroyed.
#include "serve_file.h"

#include <uv.h>

static void on_readable(uv_poll_t* handle, int status, int events) {
    (void)events;
    if (status < 0)
        require(0, "uv_poll", uv_strerror(status));
    if (!serve_on())
        uv_close((uv_handle_t*)handle, NULL); // then the loop has no handle left, and ends
}

int main(int argc, char* argv[]) {
    uv_poll_t handle;
    serve_file(argc, argv);
    uv_poll_init(uv_default_loop(), &handle, aoetarget_fd(target));
    uv_poll_start(&handle, UV_READABLE, on_readable);
    uv_run(uv_default_loop(), UV_RUN_DEFAULT);
    uv_loop_close(uv_default_loop());
    return aoetarget_destroy(target);
}
