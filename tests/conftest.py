"""One thread a process: the suite's processes share the cores, and threads that wait spin."""

import os

# Read when torch is loaded, which is after this file.
os.environ.setdefault("OMP_NUM_THREADS", "1")
