"""The page: what is cited is found, what is hostile stays text, and nothing is fetched from anywhere."""

import base64
import hashlib
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_up_run import (
    ECHO,
    FILM,
    OLD,
    cite,
    make_attrition,
    make_citations,
    make_explanation,
    make_header,
    make_predictions,
    make_record,
    make_summary,
)

from xhaim.errors import DataError
from xhaim.evaluate.figures import figures
from xhaim.evaluate.grids import grids
from xhaim.evaluate.report import render
from xhaim.evaluate.tables import Tables, all_tables
from xhaim.evaluate.wording import visible
from xhaim.records import CitedSentence, Statement
from xhaim.task import load_task

TASKS = [load_task("pleural_effusion"), load_task("mortality_48h")]
VOID = {"meta", "link", "br", "input", "img", "hr"}
HOSTILE = (
    "<script>alert(1)</script>",
    "</script><script>alert(2)</script>",
    "</style><style>*{display:none}</style>",
    '" onmouseover="alert(3)',
    "<img src=x onerror=alert(4)>",
    "<a href='javascript:alert(5)'>x</a>",
    "<svg/onload=alert(6)>",
    "{{ 7*7 }}{% include 'report.js' %}",
    "-->]]><!--",
    "&lt;script&gt;&#x3C;b&#x3E;",
    "</mark></div><iframe src=//evil.example>",
)


BARE = (Tables((), (), ()), ())
"""A page with no numbers, for what concerns the explanations alone."""


class Page(HTMLParser):
    """Every element with its attributes, and the text of what carries an id or a ``data-rest``."""

    def __init__(self, html):
        super().__init__(convert_charrefs=True)
        self.elements, self.open, self.texts, self.rests, self.text = [], [], {}, {}, ""
        self.feed(html)
        self.close()
        assert not self.open, f"left open: {self.open[:3]}"

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        assert len(dict(attrs)) == len(attrs), f"an attribute stands twice in {tag}"
        if tag not in VOID:
            self.open.append((tag, dict(attrs)))

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open, f"</{tag}> closes nothing"
        assert self.open[-1][0] == tag, f"</{tag}> closes {self.open[-1]}"
        self.open.pop()

    def handle_data(self, data):
        if not self.open or self.open[-1][0] not in {"script", "style"}:
            self.text += data
        for _, attrs in self.open:
            if "id" in attrs:
                self.texts[attrs["id"]] = self.texts.get(attrs["id"], "") + data
            if "data-rest" in attrs:
                self.rests[attrs["data-rest"]] = self.rests.get(attrs["data-rest"], "") + data

    def marked(self, anchor):
        return self.texts[anchor] + self.rests.get(anchor, "")


@pytest.fixture(scope="module")
def ready():
    frame = make_predictions(n=60, splits=2, tasks=("pleural_effusion", "mortality_48h"))
    attrition = make_attrition(("pleural_effusion", "mortality_48h"))
    header = make_header()
    return all_tables(frame, attrition, None, header, TASKS, resamples=20), figures(frame, header, TASKS)


def page_of(ready, explanations, records, summaries=None, header=None):
    tables, drawn = ready
    by_id = {record.sample.sample_id: record for record in records}
    return render(
        header or make_header(),
        TASKS,
        grids(tables, header or make_header()),
        drawn,
        explanations,
        by_id,
        summaries or {},
    )


@pytest.fixture(scope="module")
def plain(ready):
    record = make_record()
    explanations = [make_explanation(record), make_explanation(record, "mortality_48h", 0.006)]
    summaries = {(record.sample.sample_id, "pleural_effusion"): [make_summary(record)]}
    return page_of(ready, explanations, [record], summaries)


def test_every_link_of_the_page_leads_to_an_element_of_the_page(plain):
    page = Page(plain)
    ids = [attrs["id"] for _, attrs in page.elements if "id" in attrs]
    assert len(ids) == len(set(ids))
    links = [attrs["href"] for tag, attrs in page.elements if tag in {"a", "use"}]
    assert sum(link.startswith("#s1-") for link in links) > 20
    assert {link[1:] for link in links} <= set(ids)
    named = [attrs["aria-labelledby"] for _, attrs in page.elements if "aria-labelledby" in attrs]
    assert set(named) <= set(ids)


def test_the_marked_words_are_the_quotes(plain):
    record = make_record()
    page = Page(plain)
    for citation in make_explanation(record).citations:
        link = next(attrs for _, attrs in page.elements if attrs.get("id") == f"s1-t1-c{citation.marker}")
        marked = page.marked(link["href"][1:])
        assert marked == citation.quote if citation.kind == "span" else citation.quote in marked


def test_documents_stand_once_and_whole(plain):
    page = Page(plain)
    for text in (ECHO, FILM, OLD):
        assert page.text.count(text) == 1


def test_what_a_reader_must_be_told_is_there(plain):
    text = Page(plain).text
    for words in (
        "without it 49 % (\N{MINUS SIGN}22)",
        "without it 76 % (+5)",
        "no measurable effect (under 0.5 points)",
        "not measured: only one value",
        "base rate 29 %",
        "operating point 40 %",
        "90 % interval 60 to 80 %",
        "reports of earlier studies only",
        "number not in its source",
        "Demonstration settings: small grid.",
        "not a medical device",
        "under 1 %",
    ):
        assert words in text, words


def test_simulated_is_said_in_every_table_figure_and_explanation(plain):
    page = Page(plain)
    captions = re.findall(r"<caption id.*?</caption>", plain, re.S)
    figure_captions = re.findall(r"<div class=\"plots\">.*?</div>", plain, re.S)[0].split("<figure")[1:]
    decisions = re.findall(r"<p class=\"decision\">.*?</p>", plain)
    assert (len(captions), len(figure_captions), len(decisions)) == (3, 4, 2)
    assert all("SIMULATED" in part for part in (*captions, *figure_captions, *decisions))
    assert "SIMULATED" in page.texts["content"]


def test_real_patients_are_not_called_simulated_and_leaks_are_stamped():
    record = make_record()
    header = make_header(simulated=False, report_policy={"pleural_effusion": "index_included"}, leaky=True)
    explanation = make_explanation(record, report_policy="index_included", simulated=False)
    html = page_of(BARE, [explanation], [record], header=header)
    assert "SIMULATED" not in html
    assert "LEAKY" in re.search(r"<p class=\"decision\">.*?</p>", html).group()


@pytest.mark.parametrize("share", [0.0, 0.004, 1.0])
def test_no_risk_is_ever_certain(share):
    record = make_record()
    html = page_of(BARE, [make_explanation(record, risk=share, statements=(), low=None, high=None)], [record])
    section = html[html.index('id="s1-t1"') :]
    assert not re.search(r"(?<![\d.])(0|100) %", re.sub(r"<section class=\"source.*", "", section, flags=re.S))
    assert "no interval: too few calibration rows" in html


def test_the_page_asks_nobody_for_anything_and_runs_only_its_own_code(plain):
    page = Page(plain)
    assert not [attrs for _, attrs in page.elements if {"style", "src", "srcset", "action", "data"} & set(attrs)]
    assert not [name for _, attrs in page.elements for name in attrs if name.startswith("on")]
    assert all(attrs.get("href", "#").startswith(("#", "data:,")) for _, attrs in page.elements)
    assert "http://" not in plain
    assert "https://" not in plain
    assert "@import" not in plain
    assert "url(" not in plain.replace("url(#", "")
    policy = next(a["content"] for t, a in page.elements if a.get("http-equiv") == "Content-Security-Policy")
    assert "unsafe" not in policy
    assert policy.startswith("default-src 'none'; ")
    for tag in ("style", "script"):
        (body,) = re.findall(rf"<{tag}>(.*?)</{tag}>", plain, re.S)
        digest = base64.b64encode(hashlib.sha256(body.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy


@pytest.mark.parametrize("attack", HOSTILE)
def test_hostile_text_stays_text(ready, plain, attack):
    """The same page with hostile words in every field has the same elements with the same attribute names."""
    record = make_record(film=f"{FILM}\n{attack}", old=f"{OLD} {attack}")
    first = record.documents[0]
    documents = (replace(first, title=attack, source=attack), *record.documents[1:])
    record = replace(record, documents=documents, static={"gender": attack, "age": 67.0, "care_unit": attack})
    whole = cite(record, 4, "rad-1", f"{OLD} {attack}", -0.05)
    calm = [whole if item.marker == 4 else item for item in make_citations(record)]
    hostile = [
        replace(
            item,
            question=attack,
            writer=attack,
            statements=tuple(replace(one, text=f"{one.text} {attack}") for one in item.statements),
            citations=tuple(replace(citation, label=attack) for citation in calm),
            dropped=(attack,),
        )
        for item in (make_explanation(record), make_explanation(record, "mortality_48h", 0.006))
    ]
    summary = replace(make_summary(record), writer=attack)
    sentences = (replace(summary.sentences[0], text=attack), CitedSentence(attack, (f"{attack}:1-2",)))
    key = (record.sample.sample_id, "pleural_effusion")
    html = page_of(ready, hostile, [record], {key: [replace(summary, sentences=sentences)]})
    shape = [(tag, sorted(attrs)) for tag, attrs in Page(html).elements]
    expected = [(tag, sorted(attrs)) for tag, attrs in Page(plain).elements]
    assert sorted(map(str, shape)) == sorted(map(str, expected))
    assert Page(html).text.count(visible(attack)) > 10


@pytest.mark.parametrize(
    "character", ["\u202e", "\u2066", "\u200b", "\u200f", "\ufeff", "\u00ad", "\x00", "\x1b", "\ud800"]
)
def test_what_would_not_be_seen_is_written_out(character):
    words = f"No{character} pleural effusion"
    record = make_record(old=f"FINDINGS: {words}.")
    citation = cite(record, 1, "rad-1", words, 0.1)
    explanation = make_explanation(record, citations=(citation,), statements=(Statement(words, "for", (1,)),))
    html = page_of(BARE, [explanation], [record])
    assert character not in html
    html.encode("utf-8")
    page = Page(html)
    (link,) = (attrs["href"] for _, attrs in page.elements if attrs.get("id") == "s1-t1-c1")
    assert page.marked(link[1:]) == f"No[U+{ord(character):04X}] pleural effusion"


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_any_spans_are_marked_exactly(data):
    """However quotes nest or overlap, the elements nest and each mark holds its quote."""
    text = data.draw(st.text(alphabet="ab <&\n", min_size=2, max_size=40), label="text")
    place = st.integers(0, len(text) - 1)
    spans = data.draw(
        st.lists(
            st.tuples(place, st.integers(1, 12)).map(lambda pair: (pair[0], min(len(text), sum(pair)))), max_size=6
        )
    )
    record = make_record(old=text)
    base = cite(record, 1, "rad-1", text[0])
    citations = tuple(
        replace(base, marker=n, quote=text[a:b], start=a, end=b) for n, (a, b) in enumerate(spans, start=1)
    )
    statements = tuple(Statement("x", "for", (item.marker,)) for item in citations)
    explanation = make_explanation(record, citations=citations or (base,), statements=statements)
    page = Page(page_of(BARE, [explanation], [record]))
    for item in citations:
        (link,) = (attrs["href"] for _, attrs in page.elements if attrs.get("id") == f"s1-t1-c{item.marker}")
        assert page.marked(link[1:]) == item.quote


def test_a_long_document_is_cut_around_its_marks_and_says_so():
    filler = "The plan was reviewed. " * 800
    record = make_record(old=f"{filler}{OLD}{filler}")
    explanation = make_explanation(record)
    page = Page(page_of(BARE, [explanation], [record]))
    (link,) = (attrs["href"] for _, attrs in page.elements if attrs.get("id") == "s1-t1-c4")
    assert page.marked(link[1:]) == "No pleural effusion or pneumothorax."
    shown = page.texts[link[1:].rsplit("-", 2)[0]]
    assert len(shown) < 4000
    hidden = [int(number.replace(",", "")) for number in re.findall(r"… ([\d,]+) characters not shown …", shown)]
    kept = len(re.sub(r"… [\d,]+ characters not shown …", "", shown.split("note#rad-1\n")[-1]).strip("\n"))
    assert len(hidden) == 2
    assert abs(sum(hidden) + kept - len(record.documents[0].text)) <= 4  # white space at the ends of what is shown


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"source_id": "another-patients-note"}, "names nothing in its sample's record"),
        ({"start": 3, "end": 9}, "quotes words that do not stand there"),
        ({"start": -5, "end": 3}, "quotes words that do not stand there"),
        ({"kind": "measurement"}, "names nothing in its sample's record"),
        ({"kind": "image"}, "names nothing in its sample's record"),
    ],
)
def test_a_citation_that_leads_nowhere_is_refused(change, words):
    record = make_record()
    wrong = replace(cite(record, 1, "rad-1", "No pleural effusion"), **change)
    explanation = make_explanation(record, citations=(wrong,), statements=())
    with pytest.raises(DataError, match=words) as error:
        page_of(BARE, [explanation], [record])
    assert "No pleural effusion" not in str(error.value)  # no patient's text in a message


def test_a_marker_without_a_citation_and_an_unknown_sample_are_refused():
    record = make_record()
    with pytest.raises(DataError, match=r"cites \[9\]"):
        page_of(BARE, [make_explanation(record, statements=(Statement("x", "for", (9,)),))], [record])
    with pytest.raises(DataError, match="no record or no task"):
        page_of(BARE, [make_explanation(record)], [])


def test_without_a_model_the_page_says_why_and_shows_no_risk():
    record = make_record()
    citation = replace(make_citations(record)[1], marker=1, effect=None, effect_reason="no model was fitted")
    statements = (
        Statement("No risk is given, since no model was fitted: there are 2 positives.", "risk", ()),
        Statement("The film shows new blunting of the left costophrenic angle.", "observed", (1,)),
    )
    nothing = {"risk": None, "low": None, "high": None, "base_rate": None, "threshold": None, "contributions": {}}
    explanation = replace(
        make_explanation(record, citations=(citation,), statements=statements),
        unscored="there are 2 positives",
        **nothing,
    )
    html = page_of(BARE, [explanation], [record])
    text = Page(html).texts["s1-t1"]
    assert "No model was fitted: there are 2 positives." in text
    assert "not measured: no model was fitted" in text
    assert "What the record holds" in text
    assert "Evidence for" not in text
    assert not re.search(r"\d %", text)
    assert "no risk" not in text  # a reader would take it for a risk of none
    assert 'class="bar"' not in html


def test_the_order_of_explanations_changes_nothing():
    records = [make_record(30118421), make_record(30118422)]
    explanations = [make_explanation(record, task.id) for record in records for task in TASKS]
    assert page_of(BARE, explanations, records) == page_of(BARE, explanations[::-1], records[::-1])


def test_a_page_without_explanations_has_no_worklist():
    page = Page(page_of(BARE, [], []))
    assert "worklist" not in [attrs.get("id") for _, attrs in page.elements]
    assert "results" in [attrs.get("id") for _, attrs in page.elements]


def test_forty_explanations_weigh_at_most_two_megabytes(ready):
    filler = "The plan was reviewed with the family and the team. " * 300
    records = [make_record(30118421 + k, old=f"{OLD}\n{filler}", film=f"{filler}{FILM}") for k in range(20)]
    explanations = [make_explanation(record, task.id) for record in records for task in TASKS]
    assert len(page_of(ready, explanations, records).encode()) < 2_000_000
