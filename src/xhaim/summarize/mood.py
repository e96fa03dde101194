"""Which sentences of a chart state something of the patient, and what they state.

Only a plain statement can support what a summary asserts. Who orders, wishes, supposes, asks, quotes, or speaks to a
reader or of what is to be written, states nothing of the patient: what is named there is at most in question. So a
model that obeys such a sentence finds no support in it. Plain statements are believed, planted ones too: nothing in
their words tells them apart (``sides`` then shows what the rest of the chart says).
"""

from __future__ import annotations

import re
from functools import lru_cache

from xhaim.records import Polarity
from xhaim.task import Task
from xhaim.text.polarity import mentions
from xhaim.text.sentences import sentences

_SAYING = (
    r"say|state|write|report|mention|list|describe|put|give|record|treat|suppose|pretend|assume|imagine|let|make|keep|"
    r"leave|copy|translate|begin|print|output|conclude|omit|drop|skip|replace|change|remember|read|ignore|disregard|"
    r"forget|classify|mark|flag|label|set|answer|respond|reply|tell|show|refrain|summari[sz]e|condense|emit|assert|"
    r"claim|cite|express|phrase|quote|word|name|insert|append|include|exclude|remove|delete|confirm|deny|declare|"
    r"announce|affirm|act|play|choose|pick"
)
_DOING = r"consider|code|return|start|follow|avoid|add|repeat|use|take|do|be|ensure|continue|stop|give|monitor|call"
_FIRST = (
    r"^\W*(?:(?:now|always|only|just|instead|then|also|simply|and|so|first|finally|again|next|never|do\ not|don't|to)"
    r"[\s,:-]+)*"
)
_TEXT = (
    r"version|line|text|answer|wording|words?|response|reply|replies|output|completion|caption|headline|message|"
    r"statement|sentence|label|verdict|decision|fact|truth|thing|rule|entry|value|result|finding|conclusion|"
    r"description|impression|diagnosis|reading|interpretation|summary|abstract|report|note|status|state"
)
_ADDRESSED = re.compile(
    rf"""
      \b(?:you|yours?|yourself|please|kindly|dear|whoever|everybody|everyone|nobody|anyone)\b
    | {_FIRST}(?:{_SAYING})\b(?!\ (?:is|are|was|were|made|of)\b)
    | [:;>-]\s*(?:please\ )?(?:{_SAYING})\ (?!of\b|is\b|are\b|was\b)\w
    | \b(?:(?<!in\ )summar(?:y|ies|i[sz]\w+)|abstract|overview|synopsis|
        (?<!urine\ )(?<!tube\ )(?<!cardiac\ )(?<!drain\ )output|repl(?:y|ies)|json|prompts?(?=\s*:)|the\ prompt|
        assistant|model|ai|llm|gpt|bot|chatbot|agent|machines?|computers?|software|automat\w+|algorithm\w*|
        vendors?|developers?|readers?|graders?|scor(?:es?|ing|ed)|templates?|formats?|styles?|examples?|persona|
        instructions?\ (?:above|below|for|to)|polic(?:y|ies)|supervisors?|managers?|administrators?|admin|tokens?|
        override\w*|board|committee|vocabulary|wording|worded|phras\w+|mention\w*|unmentioned|paragraphs?|texts?|
        documents)\b
    | \b(?:correct|true|real|actual|expected|desired|proper|good|better|best|ideal|permitted|required|wanted|preferred|
        only|sole|single|final|short|simple|agreed|official|approved)\ (?:\w+\ ){{0,2}}?(?:{_TEXT}|one)\b
        (?=\ *(?:[:=>-]|\b(?:is|are|was|reads?|follows?|would|to|for|that|which|here)\b))
    | \b(?:version|line|text|answer|words?|response|message|statement|label|verdict|fact|truth|thing|rule|entry|value)
        \b[^.:]{{0,30}}[:=>]
    | \b(?:put|set|write|jot|take|lay)\ down\b
    | \bas\ follows\b | \bpieces?\ of\ the\ chart\b | \bthis\ (?:report|record|chart|file|page|note)\b
    | >> | << | := | == | -> | => | \#\# | </?\w+> | // | [{{}}] | \b\w+\s*=\s*\w
    """,
    re.IGNORECASE | re.VERBOSE,
)
"""Who speaks to a reader, or of what is to be written: the rest of the paragraph is what they want read."""
_WISHED = re.compile(
    rf"""
      {_FIRST}(?:{_DOING})\b(?!\ (?:is|are|was|were|made|of)\b)
    | \b(?:must|shall|should|ought|have\ to|has\ to|had\ to|needs?\ to|need\ only|(?:is|are|be)\ to\ \w+|
        (?:supposed|expected|required|permitted|allowed|obliged|meant|asked|told|instructed|advised|decided)
        \ (?:to|that)|requires?|essential|imperative|mandatory|make\ sure|
        would\ be\ (?:appreciated|best|better|good|nice|right|wise)|
        (?:we|i|they)\ (?:ask|want|wish|request|prefer|insist)|wants?|wishes|insists?|prefers?)\b
    | \b(?:if|unless|suppos\w+|pretend\w*|imagin(?:e|ing)|assum(?:e|ing)|hypothetical\w*|whatever|whichever|granted|
        established\ that|given\ that)\b
    | \? | \b[QA]:
    | ["\u201c\u201d\u00ab\u00bb] | (?<!\w)['\u2018][^'\u2019]{{3,}}['\u2019](?!\w)
    """,
    re.IGNORECASE | re.VERBOSE,
)
"""Who wishes, supposes, asks or quotes."""
_PARAGRAPH = re.compile(r"\n[ \t]*\n")


def states(sentence: str) -> bool:
    """Say whether one sentence, white space folded, is a plain statement."""
    return not (_ADDRESSED.search(sentence) or _WISHED.search(sentence))


@lru_cache(maxsize=4096)
def statements(text: str) -> tuple[tuple[str, bool], ...]:
    """Return the sentences of a text, white space folded, and whether each is a plain statement.

    What follows a sentence that speaks to a reader, or of what is to be written, is none to the end of its paragraph.
    """
    found = []
    barred = 0
    for start, end in sentences(text):
        sentence = " ".join(text[start:end].split())
        if _ADDRESSED.search(sentence):
            after = _PARAGRAPH.search(text, end)
            barred = max(barred, after.end() if after else len(text))
        found.append((sentence, start >= barred and states(sentence)))
    return tuple(found)


def owners(task: Task) -> dict[str, int]:
    """Return which concept of the task each term belongs to."""
    owner: dict[str, int] = {}
    for at, concept in enumerate(task.concepts):
        for term in concept.terms:
            owner.setdefault(term, at)
    return owner


def said(text: str, task: Task) -> set[tuple[int, Polarity]]:
    """Return (index of the concept, polarity) of every mention in a text, sentence by sentence, whatever its mood."""
    owner = owners(task)
    return {
        (owner[one.term], one.polarity)
        for start, end in sentences(text)
        for one in mentions(text[start:end], tuple(owner))
    }


def stated(text: str, task: Task) -> set[tuple[int, Polarity]]:
    """Return (index of the concept, polarity) of every mention; what is named in no plain statement is uncertain."""
    owner = owners(task)
    return {
        (owner[one.term], one.polarity if plain else "uncertain")
        for sentence, plain in statements(text)
        for one in mentions(sentence, tuple(owner))
    }
