"""One thread a process: the suite's processes share the cores, and threads that wait spin."""

import os
import signal

# Read when torch is loaded, which is after this file.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# A shell starts what it runs in the background deaf to Ctrl-C, and nohup makes it deaf to SIGHUP;
# tests send both.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
if signal.getsignal(signal.SIGHUP) == signal.SIG_IGN:
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
