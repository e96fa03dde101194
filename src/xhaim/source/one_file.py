"""Which file is a table's, where there may be a csv and its csv.gz."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from xhaim.errors import DataError


def one_file(root: Path, table: str, paths: Sequence[Path], remarks: list[str], release: str) -> Path:
    """Return the file of a table: of a csv and its csv.gz, the latter, which ``remarks`` then say.

    Raises DataError where there are more: two releases (of ``release``) lie below ``root``.
    """
    packed = [path for path in paths if path.name.lower().endswith(".gz")]
    if len(paths) == 2 and len(packed) == 1 and len({path.parent for path in paths}) == 1:
        remarks.append(f"{table}: both csv and csv.gz are there; the csv.gz was used")
        return packed[0]
    if len(paths) > 1:
        raise DataError(
            f"more than one file for the table {table}",
            got=", ".join(path.relative_to(root).as_posix() for path in paths),
            expected=f"one version of {release} under the folder",
            do="point at the folder of one version",
        )
    return paths[0]
