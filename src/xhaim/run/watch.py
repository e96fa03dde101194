"""Watching a run: one progress bar for each stage, with the time left, on a terminal; nothing for machines."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    SpinnerColumn,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from xhaim import ports


@dataclass
class Bars:
    """Progress bars on standard error; on something that is not a terminal, a line when a stage ends."""

    console: Console = field(default_factory=lambda: Console(file=sys.stderr))
    notes: list[str] = field(default_factory=list)

    @contextmanager
    def stage(self, name: str) -> Iterator[ports.Progress]:
        """Show one stage, from when there is something to do in it."""
        columns = (
            SpinnerColumn(finished_text="✓"),
            TextColumn("{task.description}"),
            BarColumn(),
            TaskProgressColumn(),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
        )
        bars = Progress(*columns, console=self.console)
        bar = bars.add_task(name, total=None)

        def tell(done: int, total: int) -> None:
            if done < total:
                bars.start()
            bars.update(bar, completed=done, total=max(total, 1))

        try:
            yield tell
        finally:
            bars.stop()

    def note(self, text: str) -> None:
        """Say it once."""
        if text not in self.notes:
            self.notes.append(text)
            self.console.print(f"[yellow]note[/yellow] {text}", highlight=False)


@dataclass
class Quiet:
    """Nobody watches; notes are kept for who asks."""

    notes: list[str] = field(default_factory=list)

    @contextmanager
    def stage(self, name: str) -> Iterator[ports.Progress]:
        """Show nothing."""
        yield ports.silent

    def note(self, text: str) -> None:
        """Keep it."""
        if text not in self.notes:
            self.notes.append(text)
