"""A wall clock that a test can set while programs run, by a small library (`wall_clock.c`) that is loaded in front of them."""

from __future__ import annotations

import shutil
import struct
import subprocess
from collections.abc import Mapping
from pathlib import Path

DAY = 24 * 3600
_SOURCE = Path(__file__).with_name("wall_clock.c")


class WallClock:
    """The wall clock of the programs that are started with `environment`; nobody else's."""

    def __init__(self, folder: Path) -> None:
        """Begin with the true time."""
        compiler = shutil.which("cc")
        assert compiler, "no C compiler (cc) is here, so no clock can be set; install gcc and libc6-dev"
        self._library = folder / "wall_clock.so"
        subprocess.run([compiler, "-O2", "-shared", "-fPIC", "-o", self._library, _SOURCE], check=True)
        self._file = folder / "wall-clock"
        self._file.write_bytes(struct.pack("=q", 0))

    def shift(self, seconds: int) -> None:
        """Set the clock to the true time plus this, in every program that lives by it."""
        # In place: the programs have mapped the file.
        with self._file.open("r+b") as file:
            file.write(struct.pack("=q", seconds))

    @property
    def environment(self) -> Mapping[str, str]:
        """Variables of a program that lives by this clock."""
        return {"LD_PRELOAD": str(self._library), "WALL_CLOCK_FILE": str(self._file)}
