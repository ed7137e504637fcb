# SPDX-License-Identifier: MIT
"""A real pseudo-terminal with a program on it, driven as a user would."""
import fcntl
import os
import pty
import re
import select
import struct
import termios
import time

from support import Failed


class Terminal:
    """A program whose controlling terminal is ours: what it prints is waited for, keys are typed."""

    def __init__(self, *argv, rows=24, columns=80, env=None):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            try:
                os.execvpe(argv[0], list(map(str, argv)), {**os.environ, "TERM": "dumb", **(env or {})})
            finally:
                os._exit(127)
        self.text = ""
        self.status = None
        self.resize(rows, columns)

    def resize(self, rows, columns):
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def type(self, text):
        os.write(self.fd, text.encode())

    def read(self, seconds):
        """Takes what comes within a time; False at the end."""
        if not select.select([self.fd], [], [], max(seconds, 0))[0]:
            return True
        try:
            data = os.read(self.fd, 65536)
        except OSError:  # EIO: nobody has the other end any more
            return False
        self.text += data.decode(errors="replace")
        return bool(data)

    def expect(self, pattern, seconds=60):
        """Waits for a text; what was before it and it are then past. Returns the match."""
        end = time.monotonic() + seconds
        while True:
            found = re.search(pattern, self.text)
            if found:
                self.text = self.text[found.end():]
                return found
            if time.monotonic() > end or not self.read(end - time.monotonic()):
                raise Failed(f"no {pattern!r} on the terminal: {self.text[-2000:]!r}")

    def local_modes(self):
        return termios.tcgetattr(self.fd)[3]

    def wait(self, seconds=60):
        """Waits for the program's end. Returns its exit code, 128 + N for signal N."""
        end = time.monotonic() + seconds
        while self.status is None:
            done, status = os.waitpid(self.pid, os.WNOHANG)
            if done:
                self.status = os.waitstatus_to_exitcode(status)
                if self.status < 0:
                    self.status = 128 - self.status
                break
            if time.monotonic() > end:
                raise Failed(f"does not end; on the terminal: {self.text[-2000:]!r}")
            if not self.read(0.05):
                time.sleep(0.02)
        return self.status

    def close(self):
        if self.status is None:
            os.kill(self.pid, 9)
            os.waitpid(self.pid, 0)
        os.close(self.fd)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
