"""A conversation as evidence: question and answer in one statement, spoken numbers in digits, lay words explained.

What is checked against a dialogue needs the same forms as what is checked against a note. ``Any chest pain? - No.``
becomes ``No chest pain.``, which the rules of ``text.polarity`` read as denied.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from xhaim.verify.lay import with_lay
from xhaim.verify.spoken import in_digits

_TURN = re.compile(r"^[ \t]*(?:\[(?P<tag>[a-z][\w -]{0,30})\]|(?P<name>[A-Z][\w ]{0,30}):)[ \t]*", re.MULTILINE)
_NO = re.compile(
    r"(?:[a-z']{1,12}[\s,.]+){0,2}?(?:no+|nope|nah|not|never|none|neither|nothing|negative|denie[sd]|uh-uh|mm-mm"
    r"|i (?:do|have|did)(?: not|n't))\b(?! longer)",
    re.IGNORECASE,
)
_YES = re.compile(
    r"(?:(?:um|uh|well|oh|okay|mm)[\s,.]+)*(?:yes|yeah|yep|yup|sure|correct|right|exactly|absolutely|definitely|uh-huh|mm-hmm"
    r"|i do|i have|i am|i did|that's right|of course)\b[\s,.]*",
    re.IGNORECASE,
)
_SPLIT_NOT = re.compile(r"\b(do|does|did|is|are|was|were|have|has|had|would|could|should|ca|wo) n't\b", re.IGNORECASE)
_STOPS = " .!?"
_END = re.compile(r"(?<=[.!?])(?<!\bdr\.)(?<!\bmr\.)(?<!\bms\.)(?<!\bmrs\.)\s+", re.IGNORECASE)
_FILLER = re.compile(
    r"(?:\b(?:um+|uh+|mm-hmm|mm|hmm|uh-huh|okay|ok|alright|all right|yeah|yes|yep|no|nope|sure|great|good|right|well"
    r"|so|hi|hello|thanks|thank you|i see|you know|i mean|perfect|wow|oh|and|like|absolutely|exactly)\b|[\W_])++",
    re.IGNORECASE,
)  # fmt: skip
"""All of a statement that says nothing."""
_ASKS = re.compile(
    r"\?$|\b(?:any|(?:have|do|did|are|were) you|(?:is|was) (?:there|it)|does (?:it|that|he|she|your)|how about)\b",
    re.IGNORECASE,
)
_THOUGHT = re.compile(
    r" (?=(?:okay|alright|all right|now|so|and then|but|however|also|and i|and you|and your|and we|and there|and on|no"
    r"|there(?: is| are|'s)|you do have|i (?:do not|don't|didn't|do appreciate|reviewed)|let's|let me|lem me"
    r"|i'm gon|your \w+ exam|on your|for your)\b)",
    re.IGNORECASE,
)
_FIRST = r"(?:(?:okay|alright|all right|and|so|um|uh|well|now|great|also|but)[\s,.]+)*"
_OPEN = re.compile(_FIRST + r"(?:how|what|when|where|why|who|which)\b(?! about)", re.IGNORECASE)
"""A question that is not answered by yes or no."""
_LEAD = re.compile(
    _FIRST + r"(?:(?:what|how) about |(?:do|did|have|are|were|is|was|has|does|had) (?:you|he|she|they|it|there) )?"
    r"(?:(?:ever|also|still|currently|have|had|having|feel|feeling|felt|been|notice|noticed|noticing|experience"
    r"|experienced|experiencing|get|getting|got) )*(?:any |a |an |some )?",
    re.IGNORECASE,
)
"""What opens a question; behind ``no`` it would end the denial's reach: ``no, do you have a history of``."""
_POLITE = re.compile(r"any (?:other |more )?(?:questions|concerns|comments)", re.IGNORECASE)
_LONG, _LONG_QUESTION, _SHORT = 25, 15, 3
"""Words: of a sentence that is cut, of a question of which only the end is asked, of the least piece."""
_INITIALS = re.compile(r"\b(?:[A-Z] ){1,5}[A-Z]\b|\bm [gl]\b")


@dataclass(frozen=True, slots=True)
class Turn:
    """What one speaker says before the other does."""

    speaker: str
    """In lower case; empty where the text names none."""
    text: str


def turns(dialogue: str) -> tuple[Turn, ...]:
    """Return the turns of a text with ``Doctor:`` or ``[doctor]`` at the beginning of their lines, in order.

    A line that names no speaker belongs to the turn before; a text that names none is one turn.
    """
    marks = list(_TURN.finditer(dialogue))
    found = []
    if not marks or dialogue[: marks[0].start()].strip():
        found.append(Turn("", _flat(dialogue[: marks[0].start()] if marks else dialogue)))
    for at, mark in enumerate(marks):
        end = marks[at + 1].start() if at + 1 < len(marks) else len(dialogue)
        speaker = (mark["tag"] or mark["name"]).strip().lower()
        found.append(Turn(speaker, _flat(dialogue[mark.end() : end])))
    return tuple(turn for turn in found if turn.text)


def statements(dialogue: str) -> tuple[str, ...]:
    """Return what is said, one statement each, in order: sentences, and every question with the answer behind it.

    ``No`` or ``yes`` stands before the question that it answers; any other answer's first sentence behind it. Talk
    without full stops is cut where a new thought begins. Numbers are in digits, initials are joined, and clinical
    words follow lay ones in parentheses.
    """
    found: list[str] = []
    question = ""
    for turn in turns(dialogue):
        said = _sentences(turn.text)
        plain = not _OPEN.match(question) and (_NO.match(turn.text) or _YES.match(turn.text))
        if question and said and (plain or question.endswith("?")):
            asked, first = question.rstrip(_STOPS), said[0].rstrip(_STOPS)
            found.append(_answered(asked, turn.text) if plain else f"{asked}, {first}")
            said = said if plain else said[1:]
        elif question:
            found.append(question)
        before, question = _asked(said.pop()) if said else ("", "")
        found.extend([*said, before])
    told = [_written(one.rstrip(_STOPS)) for one in (*found, question)]
    return tuple(f"{one[:1].upper()}{one[1:]}." for one in told if one and not _FILLER.fullmatch(one))


def _asked(sentence: str) -> tuple[str, str]:
    """Return what a speaker's last sentence states, and what it asks: of a long one its end."""
    cues = [match.start() for match in _ASKS.finditer(sentence)]
    if not cues:
        return sentence, ""
    if len(sentence.split()) <= _LONG_QUESTION:
        return "", sentence
    starts = [at for at in cues if len(sentence[at:].split()) >= _SHORT]
    at = starts[-1] if starts else 0
    return sentence[:at], "" if _POLITE.match(sentence, at) else sentence[at:]


def _answered(question: str, answer: str) -> str:
    return f"No {_LEAD.sub('', question, count=1)}" if _NO.match(answer) else f"Yes, {question}"


def _sentences(text: str) -> list[str]:
    """Cut at full stops, whatever letter follows, for transcripts have no capitals; then what is too long for one."""
    return [piece for sentence in _END.split(text) if sentence for piece in _pieces(sentence)]


def _pieces(sentence: str) -> list[str]:
    """Cut a sentence of more than 25 words where a new thought seems to begin, no piece shorter than 3 words."""
    if len(sentence.split()) <= _LONG:
        return [sentence]
    found: list[str] = []
    for piece in _THOUGHT.split(sentence):
        if found and len(found[-1].split()) < _SHORT:
            found[-1] += " " + piece
        else:
            found.append(piece)
    return found


def _written(text: str) -> str:
    return _clinical(_INITIALS.sub(lambda match: match.group().replace(" ", ""), in_digits(text)))


def _clinical(text: str) -> str:
    """Add to every lay word the clinical one, so that either is found."""
    return with_lay(text, lambda said, clinical: f"{said} ({clinical})")


def _flat(text: str) -> str:
    """Return text on one line, with the marks that transcripts put apart joined again: ``do n't``, ``pain .``."""
    joined = _SPLIT_NOT.sub(r"\1n't", " ".join(text.split()))
    return re.sub(r" (?=[.,?!;:](?:\s|$))", "", joined)
