"""Whether a claim's existence, comparison, bound or count holds in the counts and values of its evidence."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Sequence

from xhaim.verify.entail_rows import REFERENCE, Reference, Row, references, rows
from xhaim.verify.entail_words import NEGATIVE, content, normal, numbers, tokens

_MORE = re.compile(r"\b(more|higher|greater|larger|longer|better|most|highest|exceeds?|above|increased?)\b")
_LESS = re.compile(r"\b(less|fewer|lower|smaller|shorter|worse|fewest|lowest|least|below|reduced|decreased?)\b")
_SAME = re.compile(r"\b(same|equal|identical|equally|as many as)\b")
_BOUND = re.compile(
    r"(?:\b(more than|over|above|greater than|at least|minimum of|less than|fewer than|under|below|at most|up to"
    r"|maximum of|exactly|only)\s+(?:a\s+)?)?\b(\d[\d,.]*|one|two|three|four|five|six|seven|eight|nine|ten)"
    r"\s*(%|percent)?"
)
_HOLDS: dict[str, Callable[[float, float], bool]] = {
    **dict.fromkeys(("more than", "over", "above", "greater than"), operator.gt),
    **dict.fromkeys(("less than", "fewer than", "under", "below"), operator.lt),
    **dict.fromkeys(("at least", "minimum of"), operator.ge),
    **dict.fromkeys(("at most", "up to", "maximum of"), operator.le),
}
_TOTAL = frozenset(("total",))
_GENERAL = frozenset(
    content(
        "adverse event events case cases instance instances occurrence record recorded records experience experienced "
        "suffered observed reported affected type types side effects total number only one two different common rate "
        "recorded least percent proportion prevalent treatment during across several overall occurred multiple "
        "fewer fewest "
        "higher highest lower lowest greater larger smaller same equal equally identical over under above below many"
    )
)


def _named(found: Sequence[Row], claim: str) -> list[Row]:
    """Return the rows whose name the claim gives; those that are nearest to it where several share a word."""
    said = frozenset(content(claim))
    share = [len(row.name & said) / len(row.name) if row.name and row.name != _TOTAL else 0.0 for row in found]
    best = max(share, default=0.0)
    if best < 0.5:
        return []
    whole = frozenset[str]().union(*(row.name for row, one in zip(found, share, strict=True) if one == 1.0))
    return [
        row
        for row, one in zip(found, share, strict=True)
        if one == 1.0 or (one >= 0.5 and not (row.name & said) <= whole)
    ]


def _within(row: Row, refs: Sequence[Reference]) -> bool:
    return not refs or any(part in (None, row.part) and arm in (None, row.arm) for part, arm in refs)


def _amount(named: Sequence[Row], found: Sequence[Row], at: Reference, percent: bool) -> float | None:
    """Return the count, or the share, of what is named at a place; none there is 0, no place is None."""
    there = [row for row in found if _within(row, [at])]
    if not there:
        return None
    chosen = [row for row in named if _within(row, [at])]
    if not chosen:
        return 0.0
    total = sum(row.n for row in chosen)
    of = sum({row.arm: row.of or 0.0 for row in chosen}.values())
    return 100.0 * total / of if percent and of else total


def table_columns(claim: str, evidence: str) -> dict[str, float]:
    """Return whether existence, count and comparison hold (1, -1, 0: does not apply), and how they were read."""
    found = rows(evidence)
    events = any(row.of is not None for row in found)
    named = _named(found, claim)
    own = sorted(word for word in frozenset(content(claim)) - _GENERAL if word[0].isalpha())
    about = named or ([] if own and events else [row for row in found if row.name == _TOTAL or row.of is None])
    low = normal(claim)
    percent = any(word in low for word in ("%", "percent", "proportion", "rate ", "likel"))
    refs = references(claim)
    scope = [row for row in about if _within(row, refs)]
    total = sum(row.n for row in scope)
    denied = any(word in NEGATIVE for word in tokens(claim))
    return {
        "table_rows": float(min(len(found), 100)),
        "table_named": float(min(len({row.name for row in named}), 20)),
        "table_share": len({word for row in named for word in row.name} & set(own)) / len(own) if own else -1.0,
        "table_exists": _exists(scope, denied) if events else 0.0,
        "table_total": float(min(total, 100.0)),
        "table_compare": _compares(low, about, found, refs, percent),
        "table_threshold": _threshold(low, scope, found, refs),
        **_counts(claim, scope, found),
    }


def _exists(scope: Sequence[Row], denied: bool) -> float:
    """Say whether every event that is named occurred; denied: whether none did. Nothing named: half as sure."""
    by_name: dict[frozenset[str], float] = {}
    for row in scope:
        by_name[row.name] = by_name.get(row.name, 0.0) + row.n
    if not by_name:
        return 0.5 if denied else -0.5
    if denied:
        return -1.0 if any(by_name.values()) else 1.0
    return 1.0 if all(by_name.values()) else -1.0


def _compares(low: str, named: Sequence[Row], found: Sequence[Row], refs: Sequence[Reference], percent: bool) -> float:
    """Say whether what is compared first is more, less or the same as the second, as the claim has it."""
    more, less, same = _MORE.search(low), _LESS.search(low), _SAME.search(low)
    places = list(dict.fromkeys(refs))
    if len(places) == 1 and places[0][1] is None:
        places = [(places[0][0], 1), (places[0][0], 2)] if "cohort" in low or "group" in low or "arm" in low else places
    if not (more or less or same) or len(places) < 2:
        return 0.0
    first, second = (_amount(named, found, at, percent) for at in places[:2])
    if first is None or second is None or not named:
        return 0.0
    if same and not more and not less:
        return 1.0 if first == second else -1.0
    up = more is not None and (less is None or more.start() < less.start())
    return 1.0 if (first > second) == up and first != second else -1.0


def _threshold(low: str, scope: Sequence[Row], found: Sequence[Row], refs: Sequence[Reference]) -> float:
    """Say whether the first bound or count of the claim holds of what it names."""
    match = _BOUND.search(REFERENCE.sub(" ", low))
    there = [row for row in found if row.of and _within(row, refs)]
    if match is None or not there or not scope:
        return 0.0
    value = (numbers(match[2]) or [0.0])[0]
    if match[3]:
        got = [row.percent for row in scope] or [0.0]
        of = sum(row.of or 0.0 for row in scope)
        got += [100.0 * sum(row.n for row in scope) / of] if of else []
    else:
        got = [sum(row.n for row in scope), *(row.n for row in scope)]
    holds = _HOLDS.get(match[1] or "", _about)
    return 1.0 if any(holds(x, value) for x in got) else -1.0


def _about(x: float, value: float) -> bool:
    """Say whether two numbers are the same but for rounding."""
    return abs(x - value) <= max(0.06, 0.006 * value)


def _counts(claim: str, scope: Sequence[Row], found: Sequence[Row]) -> dict[str, float]:
    """Say how many of the claim's numbers are a count, a share, a sum or a difference of what it names."""
    said = [value for value in numbers(REFERENCE.sub(" ", claim)) if value]
    plain = {value for row in scope for value in (row.n, row.of, row.percent) if value is not None}
    amounts = [row.n for row in scope[:24]] + [row.percent for row in scope[:24]]
    derived = plain | {sum(row.n for row in scope)} | {abs(a - b) for a in amounts for b in amounts}
    every = {value for row in found for value in (row.n, row.of, row.percent) if value is not None}
    return {
        "table_plain": _share(said, plain) if scope else -1.0,
        "table_derived": _share(said, derived) if scope else -1.0,
        "table_ratio": _share(said, {a / b for a in amounts for b in amounts if b}) if scope else -1.0,
        "table_every": _share(said, every) if found else -1.0,
    }


def _share(said: Sequence[float], values: set[float]) -> float:
    """Return the share of the numbers that are among the values, but for rounding; -1 where there is none."""
    if not said:
        return -1.0
    return sum(any(abs(v - x) <= max(0.011, 0.006 * abs(x)) for v in values) for x in said) / len(said)
