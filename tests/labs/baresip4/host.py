"""baresip 4.x as a program: the library in the wheel baresip-python, with a main function like baresip's own.

usage: host.py FOLDER    (config and accounts are in it; commands are lines on standard input)

The wheel's own Python interface is not used: it runs the main loop on a thread of its own, and a module belongs on that.
"""
import ctypes as c
import os
import sys

sys.setdlopenflags(os.RTLD_NOW | os.RTLD_GLOBAL)  # modules find the library's functions
import baresip._native as native  # noqa: E402

lib = c.CDLL(native.__file__, mode=c.RTLD_GLOBAL)
PRINT = c.CFUNCTYPE(c.c_int, c.POINTER(c.c_char), c.c_size_t, c.c_void_p)
READ = c.CFUNCTYPE(None, c.c_int, c.c_void_p)
SIGNAL = c.CFUNCTYPE(None, c.c_int)
EXIT = c.CFUNCTYPE(None, c.c_void_p)
FD_READ = 1


class Printf(c.Structure):
    _fields_ = [("handler", PRINT), ("arg", c.c_void_p)]


def must(error, what):
    if error:
        sys.exit(f"{what}: {os.strerror(error)}")


def function(name, result=c.c_int, *arguments):
    found = getattr(lib, name)
    found.restype, found.argtypes = result, arguments
    return found


def output(text, size, _):
    sys.stderr.buffer.write(c.string_at(text, size))
    sys.stderr.buffer.flush()
    return 0


printf = Printf(PRINT(output), None)
commands = function("baresip_commands", c.c_void_p)
process = function("cmd_process_long", c.c_int, c.c_void_p, c.c_char_p, c.c_size_t, c.c_void_p, c.c_void_p)
held = b""


def read(_flags, _arg):
    global held
    octets = os.read(0, 65536)
    if not octets:
        lib.fd_close(watched)
        return
    *lines, held = (held + octets).split(b"\n")
    for line in lines:
        line = line.strip().removeprefix(b"/")
        word, _, parameter = line.partition(b" ")
        folder = os.fsencode(os.path.join(sys.argv[1], "modules"))
        if word == b"insmod":
            lib.module_load(folder, parameter)
        elif word == b"rmmod":
            lib.module_unload(parameter)
        elif line:
            process(commands(), line, len(line), c.byref(printf), None)


folder = os.fsencode(sys.argv[1])
must(lib.libre_init(), "libre_init")
function("conf_path_set", None, c.c_char_p)(folder)
must(lib.conf_configure(), "config")
must(function("baresip_init", c.c_int, c.c_void_p)(function("conf_config", c.c_void_p)()), "baresip_init")
must(function("ua_init", c.c_int, c.c_char_p, c.c_bool, c.c_bool, c.c_bool)(b"baresip 4 for tests", True, True, False), "ua_init")
exit_handler = EXIT(lambda _: lib.re_cancel())
function("uag_set_exit_handler", None, EXIT, c.c_void_p)(exit_handler, None)
must(lib.conf_modules(), "modules")
user_agent = function("ua_alloc", c.c_int, c.c_void_p, c.c_char_p)
for line in open(os.path.join(folder, b"accounts"), "rb"):
    if line.strip() and not line.startswith(b"#"):
        must(user_agent(None, line.strip()), "account")

handler, watched = READ(read), c.c_void_p()
listen = function("fd_listen", c.c_int, c.c_void_p, c.c_int, c.c_int, READ, c.c_void_p)
must(listen(c.byref(watched), 0, FD_READ, handler, None), "fd_listen")
print("baresip is ready.", flush=True)
stop = function("ua_stop_all", None, c.c_bool)
signal_handler = SIGNAL(lambda _: stop(False))
lib.re_main(signal_handler)

lib.ua_stop_all(False)
lib.ua_close()
lib.module_app_unload()
lib.conf_close()
lib.baresip_close()
lib.mod_close()
lib.libre_close()
sys.stdout.flush()
os._exit(0)
