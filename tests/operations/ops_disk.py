"""A file system of a test's own, mounted where nobody else sees it: it is gone when its holder ends, whatever happens to the test."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

import pytest

MIB = 1024 * 1024
#: Set where a machine that cannot mount should fail these tests, and not pass them over.
REQUIRED = "HEADRACE_TESTS_MUST_MOUNT"


class Disk:
    """``wrapper`` runs a command that sees the file system; ``path`` leads to it from outside."""

    def __init__(self, holder: subprocess.Popen[str], mounted: Path, enter: tuple[str, ...]) -> None:
        self._holder = holder
        self._mounted = mounted
        self.path = Path(f"/proc/{holder.pid}/root{mounted}")
        self.wrapper = ("nsenter", *enter, "--target", str(holder.pid))

    @classmethod
    @contextmanager
    def tmpfs(cls, place: Path, size_mib: int) -> Iterator[Self]:
        with cls._holding(place, f"mount -t tmpfs -o size={size_mib}m tmpfs '{place}'") as disk:
            yield disk

    @classmethod
    @contextmanager
    def ext4(cls, place: Path, image: Path, size_mib: int) -> Iterator[Self]:
        with image.open("wb") as file:
            file.truncate(size_mib * MIB)
        subprocess.run(["mkfs.ext4", "-q", "-F", "-m", "0", str(image)], check=True, env=_with_sbin())
        with cls._holding(place, f"mount -o loop,errors=remount-ro '{image}' '{place}'") as disk:
            yield disk

    @classmethod
    @contextmanager
    def _holding(cls, place: Path, mount: str) -> Iterator[Self]:
        place.mkdir()
        user = () if os.geteuid() == 0 else ("--user", "--map-root-user")
        enter = ("--mount",) if os.geteuid() == 0 else ("--user", "--preserve-credentials", "--mount")
        # `read` ends with the pipe, and with it the namespace.
        script = f"{mount} && echo mounted && read -r _"
        command = ["unshare", *user, "--mount", "--propagation", "private", "sh", "-c", script]
        with subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=_with_sbin()
        ) as holder:
            assert holder.stdout is not None
            assert holder.stderr is not None
            try:
                if holder.stdout.readline() != "mounted\n":
                    _cannot(holder.stderr.read())
                yield cls(holder, place, enter)
            finally:
                holder.kill()

    def run(self, *command: str) -> None:
        subprocess.run([*self.wrapper, *command], check=True, env=_with_sbin(), capture_output=True)

    def free(self) -> int:
        about = os.statvfs(self.path)
        return about.f_bavail * about.f_frsize

    def fill(self, leave: int = 0) -> None:
        """Takes all space but ``leave`` bytes."""
        with (self.path / "filling").open("ab", buffering=0) as file:
            while self.free() > leave:
                try:
                    file.write(b"x" * min(MIB, max(4096, self.free() - leave)))
                except OSError:
                    break

    def clear(self) -> None:
        (self.path / "filling").unlink()

    def abort(self) -> None:
        """Makes an ext4 file system read-only the hard way."""
        self.run("mount", "-o", "remount,abort", str(self._mounted))

    def repair(self, image: Path) -> None:
        """Unmounts an aborted file system, checks it and mounts it again."""
        self.run("umount", str(self._mounted))
        done = subprocess.run(["e2fsck", "-f", "-y", str(image)], env=_with_sbin(), capture_output=True, text=True)
        assert done.returncode in {0, 1}, done.stdout
        self.run("mount", "-o", "loop,errors=remount-ro", str(image), str(self._mounted))


def _with_sbin() -> dict[str, str]:
    return {**os.environ, "PATH": f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"}


def _cannot(why: str) -> None:
    reason = f"no file system can be mounted here: {why.strip()}"
    if os.environ.get(REQUIRED):
        pytest.fail(reason)
    pytest.skip(f"{reason} ({REQUIRED}=1 makes this a failure)")
