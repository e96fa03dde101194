"""From which house a sample comes: its hospital, or the layout in which its newest chest film was reported."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from xhaim.events import code_is
from xhaim.modality.documents import modality_of
from xhaim.records import Document
from xhaim.run.context import Run
from xhaim.run.explainer import Explainer
from xhaim.run.stress_features import Case
from xhaim.source.store import Store
from xhaim.text.sections import headings

HOSPITAL = "HOSPITAL"
"""Code of the events that say which hospital (eICU)."""
LAYOUTS = 6
"""Groups at most; the rarer are one more."""
_GROUPS = {"sample_id": pl.String(), "group": pl.String()}
NO_REPORT, OTHERS = "no chest film report", "all others"


def by_house(run: Run, splits: Sequence[Explainer]) -> tuple[str, pl.DataFrame]:
    """Return what the groups are, and xHAIM's test predictions of all splits with their ``group``."""
    by_subject = hospitals(run.store)
    of: dict[str, str] = {}
    for one in splits:
        of |= house_of(Case(run, one, ()), by_subject, [one.rows.ids[row] for row in one.rows.test])
    named = largest(of)
    predictions = pl.concat([pl.read_parquet(one.predictions.path(f"split-{one.split}.parquet")) for one in splits])
    test = predictions.filter((pl.col("part") == "test") & (pl.col("model") == "xhaim"))
    groups = pl.DataFrame({"sample_id": list(named), "group": list(named.values())}, schema=_GROUPS)
    return "hospital" if by_subject else "layout of the newest chest film report", test.join(groups, on="sample_id")


def hospitals(store: Store) -> dict[int, str]:
    """Return subject -> hospital, for the subjects of exactly one; empty where the store does not know hospitals.

    For reading results out by group alone: never an input.
    """
    stated = store.events().filter(code_is(HOSPITAL)).select("subject_id", "code").unique().collect()
    one = stated.group_by("subject_id").agg(pl.col("code").first(), n=pl.len()).filter(pl.col("n") == 1)
    return {subject: f"hospital {code.partition('//')[2]}" for subject, code in one.select("subject_id", "code").rows()}


def layout(documents: Sequence[Document]) -> str:
    """Return the headings of the newest chest film report: a house writes its reports in its own layout."""
    reports = [one for one in documents if modality_of(one) == "cxr" and one.kind.lower() != "image description"]
    if not reports:
        return NO_REPORT
    newest = max(reports, key=lambda one: (one.known_at, one.doc_id))
    return ", ".join(dict.fromkeys(name.title() for _, _, name in headings(newest.text))) or "no headings"


def house_of(case: Case, by_subject: dict[int, str], sample_ids: Sequence[str]) -> dict[str, str]:
    """Return sample_id -> house: hospitals where the store knows them, else layouts."""
    if by_subject:
        of = dict(case.explainer.people.samples.select("sample_id", "subject_id").iter_rows())
        return {sample_id: by_subject.get(of[sample_id], "hospital not known") for sample_id in sample_ids}
    found = dict.fromkeys(sample_ids, NO_REPORT)
    for _, known in case.shards(sample_ids):
        found |= {sample_id: layout(documents) for sample_id, documents in known.documents.items()}
    return found


def largest(groups: dict[str, str]) -> dict[str, str]:
    """Return the same with all but the LAYOUTS most frequent groups put together."""
    counts = (
        pl.Series(list(groups.values()), dtype=pl.String).value_counts(name="n").sort("n", "", descending=[True, False])
    )
    kept = set(counts[""].head(LAYOUTS).to_list())
    return {sample_id: group if group in kept else OTHERS for sample_id, group in groups.items()}
