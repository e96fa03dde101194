"""MEDEC: which sentence of a clinical text is the wrong one, told there is one; and whether there is one.

    python -m benchmarks.medec [--data FOLDER] [--test FILE.csv] [--save RANKER.json]

Five folds, three times over, by groups of twins (506 of 574 texts have a near-duplicate with the opposite flag);
penalties chosen by four folds inside each training part. ``--test`` scores another file of the same layout with the
ranker fitted on all of the validation set, or with ``--ranker FILE.json`` on what ``--save`` wrote. Every search:
``logs/medec.md``.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from benchmarks.medec_texts import FILE, Text, read, twins
from benchmarks.resampled import score
from xhaim.verify.wrong_sentence import Penalties, Ranker, learn

CHOICES = tuple(Penalties(words, shape) for words, shape in ((0.1, 30), (0.3, 30), (1, 30), (0.3, 10), (0.3, 100)))
NO_WORDS, NO_SHAPE = Penalties(1e6, 1), Penalties(0.3, 1e6)
REPEATS = 3
Floats = NDArray[np.float64]
Groups = NDArray[np.int64]


def folds(groups: Groups, n: int, seed: int) -> Iterator[tuple[list[int], list[int]]]:
    """Yield training and test places, whole groups on one side."""
    names = np.random.default_rng(seed).permutation(np.unique(groups))
    for fold in range(n):
        out = np.isin(groups, names[fold::n])
        yield np.flatnonzero(~out).tolist(), np.flatnonzero(out).tolist()


def fit(texts: Sequence[Text], penalties: Penalties) -> Ranker:
    """Fit a ranker on the flagged texts."""
    given = [(text.sentences, text.wrong) for text in texts if text.wrong is not None]
    return learn([sentences for sentences, _ in given], [wrong for _, wrong in given], penalties)


def hit(ranker: Ranker, text: Text) -> bool:
    """Whether the wrong sentence of a flagged text comes first."""
    return int(np.argmax(ranker.rank(text.sentences))) == text.wrong


def chosen(texts: Sequence[Text], groups: Groups, seed: int) -> Penalties:
    """Return the penalties with the most hits over four folds; of equals the first."""
    hits = dict.fromkeys(CHOICES, 0)
    for train, test in folds(groups, 4, seed):
        for one in CHOICES:
            ranker = fit([texts[i] for i in train], one)
            hits[one] += sum(hit(ranker, texts[i]) for i in test if texts[i].wrong is not None)
    return max(CHOICES, key=lambda one: hits[one])


@dataclass(frozen=True, slots=True)
class OutOfFold:
    """What rankers that never saw a text's group say of it: [repeats, texts]; NaN where there is no wrong sentence."""

    hits: Floats
    hits_corrected: Floats
    """The same with the correction in the wrong sentence's place."""
    first: list[list[str]]
    """The sentence that comes first, [repeats][texts]."""


def out_of_fold(texts: Sequence[Text], groups: Groups, penalties: Penalties | None) -> OutOfFold:
    """Rank every text by folds; with no ``penalties``, each training part chooses its own."""
    found = np.full((2, REPEATS, len(texts)), np.nan)
    first = [[""] * len(texts) for _ in range(REPEATS)]
    for repeat in range(REPEATS):
        for train, test in folds(groups, 5, repeat):
            seen = [texts[i] for i in train]
            ranker = fit(seen, penalties or chosen(seen, groups[train], repeat))
            for i in test:
                text = texts[i]
                first[repeat][i] = text.sentences[int(np.argmax(ranker.rank(text.sentences)))]
                if text.wrong is not None:
                    mended = [*text.sentences]
                    mended[text.wrong] = text.correction
                    found[0, repeat, i] = hit(ranker, text)
                    found[1, repeat, i] = hit(ranker, replace(text, sentences=tuple(mended)))
    return OutOfFold(found[0], found[1], first)


def share(hits: Floats, groups: Groups) -> str:
    """Return the mean of [repeats, n] hits with its 95 % interval, groups drawn again."""
    known = ~np.isnan(hits[0])
    each = hits[:, known].mean(axis=0)
    names, place = np.unique(groups[known], return_inverse=True)
    times = np.random.default_rng(0).multinomial(len(names), np.full(len(names), 1 / len(names)), 2000)[:, place]
    low, high = np.percentile((times @ each) / times.sum(axis=1), [2.5, 97.5])
    return f"{each.mean():.3f} [{low:.3f}, {high:.3f}]"


def whether(texts: Sequence[Text], groups: Groups, first: Sequence[Sequence[str]]) -> str:
    """Return the AUC of "there is an error" by a regression on the words of the text and of its first sentence."""
    flags = np.array([text.flagged for text in texts], dtype=np.int8)
    scores = np.zeros((REPEATS, len(texts)))
    for repeat in range(REPEATS):
        read_as = [f"{one} ^ {' '.join(text.sentences)}" for text, one in zip(texts, first[repeat], strict=True)]
        for train, test in folds(groups, 5, repeat):
            model = make_pipeline(TfidfVectorizer(ngram_range=(1, 2), min_df=2), LogisticRegression(max_iter=1000))
            model.fit([read_as[i] for i in train], flags[train])
            scores[repeat, test] = model.decision_function([read_as[i] for i in test])
    found = score(flags, scores, groups)
    low, high = np.percentile(found.auc_draws, [2.5, 97.5])
    return f"{found.auc:.3f} [{low:.3f}, {high:.3f}]"


def development(texts: Sequence[Text]) -> None:
    """Print what folds over the validation set say."""
    groups = twins(texts)
    flagged = [text for text in texts if text.wrong is not None]
    print(f"{len(texts)} texts, {len(flagged)} with an error, {len(set(groups.tolist()))} groups of twins")
    last = np.array([[np.nan if t.wrong is None else t.wrong == len(t.sentences) - 1 for t in texts]], dtype=np.float64)
    print("\nthe wrong sentence, told there is one: accuracy [95 %]")
    print(f"  the last sentence                          {share(last, groups)}")
    for name, penalties in (("place and shape alone", NO_WORDS), ("words alone", NO_SHAPE)):
        print(f"  {name:<42} {share(out_of_fold(texts, groups, penalties).hits, groups)}", flush=True)
    whole = out_of_fold(texts, groups, None)
    print(f"  both, penalties chosen inside (the figure) {share(whole.hits, groups)}")
    kinds = np.array([text.kind if text.wrong is not None else "" for text in texts])
    for kind, n in Counter(kinds[kinds != ""].tolist()).most_common():
        print(f"    {kind:<20} {n:4}                  {np.nanmean(whole.hits[:, kinds == kind]):.3f}")
    print(f"  the same texts with the error mended: that sentence still first {share(whole.hits_corrected, groups)}")
    print("    (so it finds the sentence where an error would be put, not that it is wrong)")
    print(f"\nwhether there is an error: AUC [95 %] {whether(texts, groups, whole.first)}: chance is 0.5")


def tested(path: Path, ranker: Ranker) -> None:
    """Print the accuracy on another file, and what comes first in each text."""
    texts = read(path)
    flagged = [text for text in texts if text.flagged]
    lost = sum(text.wrong is None for text in flagged)
    print(f"\n{path.name}: {len(texts)} texts, {len(flagged)} with an error, {lost} of them with no such sentence")
    for text in texts:
        chances = ranker.rank(text.sentences)
        print(f"{text.text_id} {text.numbers[int(np.argmax(chances))]} {chances.max():.3f}")
    if flagged:
        hits = np.array([[float(hit(ranker, text)) for text in flagged]])
        print(f"the wrong sentence, told there is one: accuracy [95 %] {share(hits, twins(flagged))}")


def main() -> None:
    """Print the figures."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--data", type=Path, default=Path(__file__).resolve().parents[1].parent / "shared" / "data")
    asked.add_argument("--test", type=Path, help="another csv of MEDEC's layout; nothing is fitted to it")
    asked.add_argument("--ranker", type=Path, help="a saved ranker: the validation set is not needed")
    asked.add_argument("--save", type=Path, help="write the ranker of the whole validation set")
    given = asked.parse_args()
    if given.ranker:
        ranker = Ranker.load(given.ranker)
    else:
        texts = read(given.data / FILE)
        if not given.test:
            development(texts)
        ranker = fit(texts, chosen(texts, twins(texts), 0))
    if given.save:
        ranker.save(given.save)
    if given.test:
        tested(given.test, ranker)


if __name__ == "__main__":
    main()
