"""The judge's figures on the stored explanations of a run: ranking, counts of faults, swaps, orders, length, repeats.

    python -m benchmarks.judge RUN [--samples 60] [--seeds 3] [--url URL --model MODEL]

For each seed the tests of ``xhaim judge-audit``; then, over all seeds, ranking by kind of corruption, with those that
were looked at while the rule was written kept apart. Where the run is of simulated patients, so are the figures.
"""

from __future__ import annotations

import argparse
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from xhaim.config import LanguageModelSettings
from xhaim.judge.audit import Pair, Subject, pair
from xhaim.judge.corruptions import DEVELOPED_ON, MILD, SEVERE, corrupt
from xhaim.judge.rubric import load_rubric
from xhaim.run.judge_audit import audit_run, subjects_of
from xhaim.run.judge_items import stored_items
from xhaim.run.judges import judge_of
from xhaim.run.judging import judge_run
from xhaim.run.watch import Quiet


def by_kind(subjects: Sequence[Subject], seeds: Sequence[int]) -> dict[str, list[Pair | None]]:
    """Return the pairs of each kind of corruption, one sentence changed."""
    found: dict[str, list[Pair | None]] = defaultdict(list)
    for one in subjects:
        before = one.judge(one.explanation, 0)
        for seed in seeds:
            for kind in (*MILD, *SEVERE, *DEVELOPED_ON):
                worse = corrupt(one.explanation, (kind,), 1, seed, one.other)
                if worse is not None:
                    found[kind].append(pair(before, one.judge(worse.explanation, 0)))
    return found


def main() -> None:
    """Print the tables."""
    asked = argparse.ArgumentParser()
    asked.add_argument("run", type=Path)
    asked.add_argument("--samples", type=int, default=60)
    asked.add_argument("--seeds", type=int, default=3)
    asked.add_argument("--url")
    asked.add_argument("--model")
    args = asked.parse_args()
    llm = LanguageModelSettings(url=args.url, model=args.model, max_output_tokens=2000) if args.url else None
    print(judge_run(args.run, Quiet(), llm=llm).words(), end="\n\n")
    for seed in range(args.seeds):
        begun = time.perf_counter()
        print(audit_run(args.run, Quiet(), llm=llm, samples=args.samples, seed=seed).words())
        print(f"{time.perf_counter() - begun:.0f} s\n")
    items = stored_items(args.run)
    subjects = subjects_of(items, items, judge_of(args.run, Quiet(), llm, load_rubric()))
    print(f"one sentence changed, {len(items)} explanations, seeds 0 to {args.seeds - 1}: ranked below the original")
    for kind, pairs in sorted(by_kind(subjects, range(args.seeds)).items()):
        made = [one for one in pairs if one is not None]
        alone, all_in = sum(one.change < 0 for one in made), sum(one.lower for one in made)
        told = "mild" if kind in MILD else "severe" if kind in SEVERE else "looked at while the rule was written"
        print(f"  {kind:20} {all_in:4} of {len(made):4}  by the scores alone {alone:4}  ({told})")


if __name__ == "__main__":
    main()
