"""What every node of a cluster must have, so that its results are the same bytes and lie where they belong."""

from __future__ import annotations

import hashlib
import platform
import socket
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from pathlib import Path

from xhaim.errors import PrerequisiteError
from xhaim.run.context import Run
from xhaim.run.directory import code_hash

_DECIDING = ("numpy", "polars", "torch", "transformers", "tokenizers", "scikit-learn", "xgboost-cpu", "xgboost")
"""Packages whose version may change the last digits of a result."""


@dataclass(frozen=True, slots=True)
class Terms:
    """The run's folders, code and kind of machine, as the process that begins the run meets them."""

    root: Path
    manifest: str | None
    """SHA-256 of the run's manifest."""
    folders: tuple[Path, ...]
    """Of the store and its images."""
    code: str
    kind: str

    @classmethod
    def of(cls, run: Run) -> Terms:
        """Return the terms of a run."""
        root, images = run.directory.root, run.store.image_root
        folders = (run.store.path, images) if images is not None else (run.store.path,)
        return cls(root, _digest(root / "manifest.json"), folders, code_hash(), kind_of_node())

    def check(self) -> None:
        """Raise PrerequisiteError where this process does not meet them."""
        node = socket.gethostname()
        unseen = [path for path in self.folders if not path.is_dir()]
        if unseen or _digest(self.root / "manifest.json") != self.manifest:
            raise PrerequisiteError(
                f"node {node} does not see {'the run directory' if not unseen else unseen[0]}",
                got=f"no such run in {self.root}" if not unseen else "no such folder",
                expected="store, images and run directory at the same path on every node",
                do="put them on storage that all nodes share, such as NFS, and give --out there",
            )
        for what, here, there in (("code", code_hash(), self.code), ("kind of node", kind_of_node(), self.kind)):
            if here != there:
                raise PrerequisiteError(
                    f"node {node} has another {what}, so its results could differ",
                    got=here,
                    expected=there,
                    do="use nodes of one kind with the same installation, and start the run on one of them",
                )


def _digest(path: Path) -> str | None:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else None


@cache
def kind_of_node() -> str:
    """Return what of a machine may change the last digits of a result: processor and versions of numeric packages."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
        flags = next((line.split(":")[1].split() for line in lines if line.startswith(("flags", "Features"))), [])
    except OSError:
        flags = [platform.processor()]
    vector = sorted(flag for flag in flags if flag.startswith(("avx", "amx", "fma", "sve", "asimd")))
    versions = []
    for name in _DECIDING:
        try:
            versions.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            continue
    return ", ".join([platform.machine(), platform.python_version(), *vector, *versions])
