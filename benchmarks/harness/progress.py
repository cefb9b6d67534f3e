# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Says on stderr what goes on: one line that changes, or one a round."""

import sys
import time


class Progress:
    def __init__(self, title, stream=sys.stderr):
        self._title = title
        self._stream = stream
        self._changing = stream.isatty()
        self._line_open = False
        self._start = time.monotonic()

    def running(self, text):
        """A passing state: shown only where a line can be overwritten."""
        if self._changing:
            self._stream.write(f"\r\x1b[K{self._title}: {text}")
            self._stream.flush()
            self._line_open = True

    def done(self, text):
        """A step that is over."""
        if self._changing:
            self.running(text)
        else:
            self.note(text)

    def note(self, text):
        """Something that must stay readable."""
        self.close()
        print(f"{self._title}: {text}", file=self._stream, flush=True)

    def close(self):
        if self._line_open:
            self._stream.write("\n")
            self._line_open = False

    def elapsed(self):
        return time.monotonic() - self._start
