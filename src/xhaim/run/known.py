"""Stage: what was known. Each shard's admissible events, written once for each report policy, and read as records."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache, partial
from pathlib import Path

import polars as pl

from xhaim.cohort.guard import STATIC, admissible
from xhaim.events import HOSPITAL_ADMISSION, ICU_ADMISSION, IMAGE, IMAGE_LABEL, NOTE, code_is
from xhaim.modality.documents import documents, images
from xhaim.modality.measurements import as_measurements, measurements, values
from xhaim.modality.tabular import static_facts
from xhaim.records import Document, Image, Record, ReportPolicy, Sample
from xhaim.run.context import Run
from xhaim.run.directory import Stage
from xhaim.run.parallel import each_shard
from xhaim.run.people import People
from xhaim.signals import signal_of_code
from xhaim.source.store import Store


def store_known(run: Run, people: People) -> dict[ReportPolicy, Stage]:
    """Write the admissible events of every sample, for each policy of the run, to ``admissible/<policy>/``."""
    stages: dict[ReportPolicy, Stage] = {}
    for policy in run.policies:
        stage = run.policy_stage("admissible", policy, run.key("known", people.key, policy))
        with run.watch.stage(f"what was known ({policy})") as progress:
            stages[policy] = each_shard(run, stage, run.shards(people.samples), partial(_known, policy), progress)
    return stages


def _known(policy: ReportPolicy, run: Run, _: int, samples: pl.DataFrame) -> pl.DataFrame:
    return known_of(run.store, samples, policy)


def known_of(store: Store, samples: pl.DataFrame, policy: ReportPolicy, also: Sequence[str] = ()) -> pl.DataFrame:
    """Return the admissible events of some samples, of the kinds that any step reads, and of kinds ``also``."""
    wanted = pl.any_horizontal(
        pl.col("code").is_in(_codes_read(store.path, store.fingerprint)), *(code_is(kind) for kind in also)
    )
    return admissible(store.events(samples["subject_id"].to_list()).filter(wanted), samples, policy)


@lru_cache(maxsize=8)
def _codes_read(store: Path, _: str) -> list[str]:
    """Return the codes of a store that any step reads: to look at each code once is quicker than at each event."""
    kinds = (NOTE, IMAGE, IMAGE_LABEL, HOSPITAL_ADMISSION, ICU_ADMISSION, *STATIC)
    prefix = pl.col("code").str.split("//").list.head(2).list.join("//")
    wanted = pl.any_horizontal(code_is(kind) for kind in kinds) | prefix.is_in(list(signal_of_code()))
    return Store.open(store).codes().filter(wanted)["code"].to_list()


@dataclass(frozen=True)
class Known:
    """One shard of what was known, as the steps read it."""

    events: pl.DataFrame

    @classmethod
    def read(cls, path: Path, sample_ids: Sequence[str] | None = None) -> Known:
        """Read a shard, or some of its samples."""
        frame = pl.read_parquet(path)
        return cls(frame if sample_ids is None else frame.filter(pl.col("sample_id").is_in(list(sample_ids))))

    @cached_property
    def documents(self) -> dict[str, tuple[Document, ...]]:
        """sample_id -> documents."""
        return documents(self.events)

    @cached_property
    def images(self) -> dict[str, tuple[Image, ...]]:
        """sample_id -> images."""
        return dict(images(self.events))

    @cached_property
    def values(self) -> pl.DataFrame:
        """The values of signals that statistics are made of: quicker than ``measurements``, which have ids."""
        return values(self.events)

    @cached_property
    def measurements(self) -> pl.DataFrame:
        """Rows of MEASUREMENT_SCHEMA."""
        return measurements(self.events)

    @cached_property
    def facts(self) -> dict[str, dict[str, str | float | None]]:
        """sample_id -> static facts."""
        return static_facts(self.events)

    def record(self, sample: Sample) -> Record:
        """Return everything that was known of one sample."""
        mine = sample.sample_id
        return Record(
            sample=sample,
            static=self.facts.get(mine, {}),
            documents=self.documents.get(mine, ()),
            measurements=as_measurements(self.measurements.filter(pl.col("sample_id") == mine)),
            images=self.images.get(mine, ()),
        )
