"""Chart text as a language model may see it: nothing invisible, no marks, no sentence that gives a model orders.

A note is data, but a weak model obeys what stands in it. So what addresses a model is taken out before the prompt and
does not count as support in the checks. This knows orders by their words, so orders in other words pass it
(``benchmarks/injection.py`` holds some), and a plain statement, true or planted, cannot be told apart and stays. What
holds whatever stands in a note is the structure: marks, schema, citations of this patient's chunks, cited words.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from xhaim.llm.fence import visible, without_marks
from xhaim.records import Chunk
from xhaim.text.sentences import sentences

_ORDER = re.compile(
    r"""
      \b(?:ignor\w*|disregard\w*|forget|overrid\w*|bypass|discard|skip|stop\ following)\b.{0,60}
        \b(?:instruct\w*|prompts?|rules?|previous|prior|above|earlier|guidelines?|context|system|everything|pieces?)\b
    | (?:^|(?<=[.)\]!?]\ ))\W*(?:system|assistant|developer|user|human|ai|admin|root|tool)(?:\ (?:prompt|message|
        override|note|update|
        instruction|notice|role)s?)?\s*[:>=\]]
    | <\|[^|]*\|> | \[/?(?:INST|SYS|SYSTEM|ASSISTANT|USER)\] | <</?SYS>> | \#{2,}\s*(?:instruct|system|response|new|
        task)
    | </?(?:system|assistant|user|instructions?|tool|function|prompt|script|chart|chunk|answer)\b
    | \byou\ (?:are|act|must|should|will|shall)\ (?:now|an?\ (?:ai|assistant|helpful|language|llm)|answer|report|
        output|
        write|respond|state|say|not\ mention|always|only|obey|follow|comply)\b
    | \b(?:as\ an?\ (?:ai|language)|language\ model|llm|chatgpt|gpt-?\d|chatbot|jailbreak|prompt\ injection|
        new\ instructions?|(?:ai|the)\ (?:assistant|summari[sz]er|model)\ (?:must|should|shall|will|is\ to|has\ to)|
        (?:the|your)\ (?:summary|output|answer|reply|response|json|prediction)\ (?:must|should|shall|has\ to|is\ to|
        will))\b
    | "(?:sentences|chunks|text|role|content|tool_calls?|name|arguments|probability|risk)"\s*: | \]\s*\}\s*[,\]}]? $
    | \b(?:ignorez?|ignoriere?n?|ignora|ignore|oublie[zr]?|vergiss|vergessen|olvida|negeer|zignoruj|esquece)\b.{0,40}
        \b(?:instru[ck]\w+|consignes?|anweisung\w*|istruzion\w*|instruções|regeln?|reglas|regole|r[eè]gles)\b
    | \b(?:summari[sz]e|label|classify|describe|rewrite)\ (?:this|the)
        \ (?:chart|note|record|report|patient|text|study)\b
    | 忽略|无视|忘记|無視|игнорир|забудь|تجاهل|무시|अनदेखा|önceki\ talimat
    | [A-Za-z0-9+/]{40,}={0,2} | (?:[0-9a-f]{2}[ ]?){24,} | \\u[0-9a-f]{4}\\u | \b(?:base64|rot13|decode\ (?:the|
        this|and))\b
    """,
    re.IGNORECASE | re.VERBOSE,
)
"""What speaks to a model and no clinician: the rest of its paragraph goes with it."""
_DEMAND = re.compile(
    r"""
      ^\W*(?:(?:please|now|always|only|just|instead|then|also|simply|and|important|note|urgent|attention|reminder|
        you\ must|
        do\ not|don't|never|must|in\ (?:the|your)\ (?:summary|answer|output|json),?)[\s,:!-]+)*
        (?:report|say|state|write|answer|output|respond|reply|return|print|conclude|claim|cite|classify|predict|
        pretend|
        translate|decode|execute|append|insert|declare|emit|generate|mention|reveal|summari[sz]e|tell|act|set|mark|
        label|
        rate|flag|assume)\b
        .{0,60}?(?:\b(?:that|no|there|not|probability|probabilities|risk|score|json|chunks?|pieces?|citations?|
        sentences?|
        summary|negative|positive|absent|present|zero|normal|instead|nothing|patients?'?s?\ (?:id|record|is)|record|
        label|as|
        effusions?|pneumonia|cardiomegaly|mortality)\b|["{[]|\b0\b|\d\s*%)
    | \b(?:set|force|make|change|put|fix|lower|raise)\b.{0,30}\b(?:probability|risk|score|confidence|label|
        prediction)\b
        .{0,20}\b(?:to|at|=|is)\b
    """,
    re.IGNORECASE | re.VERBOSE,
)
_CLINICAL = re.compile(
    r"^\W*(?:report|return|call|repeat)\b.{0,60}\b(?:to|if|any|pain|fever|clinic|ED|ER|hospital|weeks?|days?)\b",
    re.IGNORECASE,
)
_TURNED = re.compile("[\u202a-\u202e\u2066-\u2069].*|[\U000e0000-\U000e007f]+")
"""Text whose direction is forced, to the end of its line, and tag characters: no note needs them."""
_MIXED = re.compile("[A-Za-z][\u0400-\u04ff]|[\u0400-\u04ff][A-Za-z]")
"""Cyrillic letters inside of Latin words."""
_PARAGRAPH = re.compile(r"\n[ \t]*\n")
_SHORT = 3
"""Words of a line that may be a piece of a sentence broken over many lines."""


def readable(chunks: Sequence[Chunk]) -> tuple[str, ...]:
    """Return what of each chunk may be shown to a model and counted as support, in the order of the chunks.

    What follows an order in its paragraph stays barred in the next chunk of the same text.
    """
    shown: dict[str, str] = {}
    last: Chunk | None = None
    barred = False
    for one in sorted(chunks, key=lambda one: (one.doc_id, one.start, one.end)):
        follows = last is not None and (last.doc_id, last.section) == (one.doc_id, one.section)
        goes_on = barred and follows and last is not None and one.start <= last.end + 2
        shown[one.chunk_id], barred = without_orders(one.text, barred=goes_on)
        last = one
    return tuple(shown[one.chunk_id] for one in chunks)


def without_orders(text: str, *, barred: bool = False) -> tuple[str, bool]:
    """Return the text without what addresses a model, and whether what follows it is barred too.

    ``barred``: whether its first paragraph is.
    """
    seen = visible(_TURNED.sub(" ", text))
    spans = sentences(seen)
    first = _PARAGRAPH.search(seen)
    until = (first.end() if first else len(seen) + 1) if barred else 0
    kept: list[str] = []
    at = 0
    for place, (start, end) in enumerate(spans):
        piece = " ".join(seen[start:end].split())
        if _ORDER.search(piece) or _MIXED.search(piece):
            after = _PARAGRAPH.search(seen, end)
            until = max(until, after.end() if after else len(seen) + 1)
        else:
            until = max(until, _demand_until(seen, spans, place))
        kept.append(seen[at:start] if start < until else seen[at:end])
        at = end
    return without_marks("".join(kept)).strip(), until > len(seen)


def _demand_until(seen: str, spans: list[tuple[int, int]], place: int) -> int:
    """Return where a demand that begins with this sentence ends, lines of a few words joined; 0 where none begins."""
    pieces: list[str] = []
    for start, end in spans[place : place + 12]:
        pieces.append(seen[start:end])
        told = " ".join(" ".join(pieces).split())
        if _DEMAND.search(told) and not _CLINICAL.search(told):
            return _sentence_end(seen, spans, place + len(pieces) - 1)
        if (len(pieces[-1].split()) > _SHORT and not pieces[-1].endswith(":")) or pieces[-1][-1:] in ".;!?":
            break
    return 0


def _sentence_end(seen: str, spans: list[tuple[int, int]], place: int) -> int:
    """Return the end of the sentence that a broken line belongs to: the next full stop among short lines."""
    for start, end in spans[place:]:
        if seen[end - 1] in ".!?" or len(seen[start:end].split()) > _SHORT:
            return end
    return len(seen)
