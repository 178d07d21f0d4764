# A loop of asyncio, through ctypes.
#
#     python3 asyncio_host.py INTERFACE FILE
import asyncio, ctypes, os, signal, sys
from ctypes import Structure, byref, c_char_p, c_int, c_size_t, c_uint8, c_uint16, c_void_p, sizeof

library = ctypes.CDLL("libaoetarget-c.so.1")


def function(name, result, *arguments):
    found = library["aoetarget_" + name]
    found.restype, found.argtypes = result, arguments
    return found


error = function("error", c_char_p)
create, destroy = function("create", c_void_p, c_void_p), function("destroy", c_int, c_void_p)
open_file = function("open_file", c_void_p, c_char_p, c_void_p)
add_interface = function("add_interface", c_int, c_void_p, c_char_p, c_void_p, c_void_p)
add_export = function("add_export", c_int, c_void_p, c_void_p, c_void_p)
fd, poll, stop = function("fd", c_int, c_void_p), function("poll", c_int, c_void_p), function("stop", None, c_void_p)


class ExportOptions(Structure):  # ends early: what is missing has its default
    _fields_ = [("size", c_size_t), ("shelf", c_uint16), ("slot", c_uint8)]


def require(is_fine):
    if not is_fine:
        sys.exit(error().decode())


async def serve(interface, path):
    loop, ended = asyncio.get_running_loop(), asyncio.Event()
    target = create(None)
    require(target)
    device = open_file(path, None)
    require(device)
    require(add_interface(target, interface, None, None) >= 0)
    require(add_export(target, byref(ExportOptions(sizeof(ExportOptions), 1, 1)), device) >= 0)

    def on_readable():
        result = poll(target)
        require(result >= 0)
        if result == 0:
            ended.set()

    loop.add_reader(fd(target), on_readable)
    for number in signal.SIGTERM, signal.SIGINT:
        loop.add_signal_handler(number, stop, target)
    await ended.wait()
    loop.remove_reader(fd(target))  # before the target, and so the descriptor, is gone
    return destroy(target)


if len(sys.argv) != 3:
    sys.exit("give an interface and a file")
sys.exit(asyncio.run(serve(os.fsencode(sys.argv[1]), os.fsencode(sys.argv[2]))))
