"""Mounts that only this process and its children see: images on loop devices, and the disk that records."""

import ctypes
import os
import shutil
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from record import Kind

_NEW_NAMES = 0x00020000  # CLONE_NEWNS
_BOOT = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True)
class FileSystem:
    """One kind of file system: how it is made, and the size in bytes it wants at least."""

    name: str
    size: int
    make: tuple[str, ...]
    options: str = "loop"


FILE_SYSTEMS = {
    kind.name: kind
    for kind in (
        FileSystem("ext4", 128 << 20, ("mkfs.ext4", "-qF", "-b4096", "-Elazy_itable_init=0,lazy_journal_init=0")),
        FileSystem("xfs", 320 << 20, ("mkfs.xfs", "-qK")),
        FileSystem("btrfs", 256 << 20, ("mkfs.btrfs", "-qK"), "loop,nodiscard"),
    )
}


def lacking(kind: FileSystem) -> str:
    """Return what this machine lacks for `kind`, as the reason of a skip; empty when nothing."""
    if sys.platform != "linux" or os.geteuid():
        return "mounting takes root on Linux"
    for path in ("/dev/fuse", "/dev/loop-control"):
        if not Path(path).exists():
            return f"no {path}"
    missing = [command for command in (kind.make[0], "mount", "cc") if shutil.which(command) is None]
    if missing:
        return f"no command {missing[0]}"
    known = Path("/proc/filesystems").read_text().split()
    return "" if kind.name in known else f"this kernel does not know {kind.name}"


def alone() -> None:
    """Give this process its own mounts: whatever becomes of it, they go with it, and nobody else ever sees them."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(_NEW_NAMES):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), "unshare")
    _do("mount", "--make-rslave", "/")


def made(kind: FileSystem, image: Path) -> None:
    """Make an empty file system in `image`."""
    with image.open("wb") as file:
        file.truncate(kind.size)
    _do(*kind.make, str(image))


@contextmanager
def mounted(kind: FileSystem, image: Path, at: Path) -> Iterator[None]:
    """Mount `image` at `at` while the block runs."""
    at.mkdir(exist_ok=True)
    # btrfs takes no copy of a disk that the kernel still holds, which it may for a moment after it was unmounted.
    _do("mount", "-t", kind.name, "-o", kind.options, str(image), str(at), patience=10)
    with _unmounted(at):
        yield


@contextmanager
def recorded(image: Path, record: Path, at: Path) -> Iterator[Path]:
    """Serve `image` as a disk that writes `record`; yields the folder `at`, which has a file for each kind of entry."""
    at.mkdir(exist_ok=True)
    argv = [sys.executable, str(Path(__file__).with_name("disk.py")), str(at), str(image), str(record)]
    with subprocess.Popen(argv, stdin=subprocess.PIPE) as disk:
        deadline = time.monotonic() + 10
        while not (at / Kind.DISK.file).exists():
            assert disk.poll() is None, "the recording disk cannot be served: its words are above"
            assert time.monotonic() < deadline, "the recording disk does not come up"
            time.sleep(0.01)
        with _unmounted(at):
            yield at


@contextmanager
def rebooted(folder: Path) -> Iterator[None]:
    """Let programs see another boot than ever before while the block runs: after a power cut, the machine starts anew."""
    other = folder / "boot_id"
    other.write_text(f"{uuid.uuid4()}\n")
    _do("mount", "--bind", str(other), str(_BOOT))
    with _unmounted(_BOOT):
        yield


@contextmanager
def _unmounted(at: Path) -> Iterator[None]:
    """Unmount `at` after the block; where the block was broken off, also if somebody is still at work there."""
    try:
        yield
    except BaseException:
        _do("umount", "--lazy", str(at))
        raise
    _do("umount", str(at))


def copied(image: Path, target: Path) -> None:
    """Copy `image`, which is mostly holes."""
    _do("cp", "--sparse=always", str(image), str(target))


def _do(*argv: str, patience: float = 0) -> None:
    deadline = time.monotonic() + patience
    while (done := subprocess.run(argv, capture_output=True, text=True, check=False)).returncode:
        if time.monotonic() >= deadline:
            break
        time.sleep(0.1)
    assert done.returncode == 0, f"{' '.join(argv)}: {done.stdout}{done.stderr}"
