"""Many processes' output on one screen: each line with the name of who wrote it."""

import os
import select
import sys

COLOURS = {"web": "36", "worker": "35", "granter": "34", "beat": "33", "demo": "32"}
WIDTH = max(map(len, COLOURS))


class LogScreen:
    """Writes complete lines, coloured on a terminal that wants colour.

    Attributes:
        is_gone: True once the terminal or the pipe behind it was closed; nothing is written any more then.
    """

    def __init__(self) -> None:
        self.is_gone = False
        self._closing = select.poll()
        # Without any event asked for, only errors and hang-ups are told.
        self._closing.register(sys.stdout.fileno(), 0)
        self._coloured = sys.stdout.isatty() and not os.environ.get("NO_COLOR")

    def write(self, name: str, line: str) -> None:
        """Print one line under a name."""
        label = f"{name:<{WIDTH}} |"
        if self._coloured:
            label = f"\x1b[{COLOURS[name]}m{label}\x1b[0m"
        try:
            if not self.is_gone:
                print(label, line, flush=True)
        except OSError:
            self.is_gone = True

    def notice_closing(self) -> None:
        """Set `is_gone` if nobody can read any more, also while there is nothing to write."""
        self.is_gone = self.is_gone or bool(self._closing.poll(0))


class LineBuffer:
    """Cuts a stream of bytes into lines of text."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, part: bytes) -> list[str]:
        """Take the next bytes; return the lines that are complete by now."""
        *lines, self._rest = (self._rest + part).split(b"\n")
        return [line.decode(errors="replace").rstrip("\r") for line in lines]

    def flush(self) -> list[str]:
        """Return what came after the last line end, if anything."""
        rest, self._rest = self._rest, b""
        return [rest.decode(errors="replace")] if rest else []
