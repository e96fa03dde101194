"""The quick way through a csv gives what the exact way gives: values, rows set aside, rows not asked for, numbers."""

from __future__ import annotations

import gzip
from datetime import datetime

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xhaim.errors import DataError
from xhaim.source.csv_tables import cast
from xhaim.source.csv_tables.ahead import in_order
from xhaim.source.csv_tables.checked import Only, columns, read_table
from xhaim.source.csv_tables.grid import grid

NAMES = ["id", "at", "value", "words"]
COLUMNS = columns("id int!  at time!  value number  words text")
ODD_WORDS = [
    *("", "5", "-5", "+5", " 5", "5 ", "0x1F", "-0x1F", "007", "9223372036854775807", "9223372036854775808", "1_0"),
    *("1.5", "-.5", "5.", ".5", "1e5", "1E-3", "1e39", "3.4028235e38", "3.4028236e38", "1e308", "nan", "inf", "-0"),
    *("2180-07-23 12:36:00", "2180-07-23T12:36:00", "2180-07-23", "2180-02-30", "2180-07-23 24:00:00"),
    *("2180-07-23 12:36", "2180-07-23 12:36:60", "2180-07-23 12:36:00.250", "2180-07-23 12:36:00Z", "0000-01-01"),
    *(
        "2180-07-23 12:36+01",
        "2180-7-23",
        "9999-12-31 23:59:59",
        "2180-07-23 12:36-01",
        "\uff11\uff12",
        "é",
        "a,b",
        'a"b',
    ),
    *('"', "a\nb", "null", "NA", "true", " ", "\t5", "5\t", "1,5", "0x", "x5", "5x1", "--5", "-", "1" * 18, "1" * 19),
]
ODD = st.sampled_from(ODD_WORDS)
PLAIN = {
    "id": st.integers(-(10**6), 10**12).map(str),
    "at": st.datetimes(datetime(1000, 1, 1)).map(lambda t: t.replace(microsecond=0).isoformat(" ")),
    "value": st.floats(allow_nan=False, width=32).map(str),
    "words": st.text(st.sampled_from('ab é,"\n'), max_size=5),
}
ROW = st.tuples(*(st.one_of(PLAIN[name], PLAIN[name], PLAIN[name], ODD) for name in NAMES))


def text_of(rows):
    def field(word):
        return '"' + word.replace('"', '""') + '"' if set(word) & set(',"\n') else word

    return "".join(",".join(map(field, row)) + "\n" for row in rows).encode()


def by_words(text, only=None):
    """The exact way, for any block: as if nothing about it were regular."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cast, "grid", lambda text, width: None)
        patch.setattr("xhaim.source.csv_tables.rows._fast", lambda *_: None)
        return cast.read_block([text], NAMES, COLUMNS, only)


def same(one, other):
    assert one.good.equals(other.good)
    assert one.bad.equals(other.bad)
    assert (one.unused, one.records, one.newlines) == (other.unused, other.records, other.newlines)


@settings(max_examples=120, deadline=None)
@given(rows=st.lists(ROW, min_size=1, max_size=4))
def test_values_without_words_are_those_of_words(rows):
    text = text_of(rows)
    same(cast.read_block([text], NAMES, COLUMNS), by_words(text))


@pytest.mark.parametrize("name", NAMES)
def test_every_odd_word_means_the_same_both_ways(name):
    for word in ODD_WORDS:
        row = {"id": "5", "at": "2180-07-23 12:36:00", "value": "1.5", "words": "ok"} | {name: word}
        text = text_of([row.values()])
        same(cast.read_block([text], NAMES, COLUMNS), by_words(text))


ONLY = Only("id", frozenset({5, 7, 31, 123456}))
ITEM = st.sampled_from(["5", "7", "6", "123456", "123457", "05", "+5", " 5", "5.0", "", "0x5", "-5", "31", "0x1F", "x"])


@settings(max_examples=70, deadline=None)
@given(
    rows=st.lists(st.tuples(ITEM, *(st.one_of(PLAIN[name], ODD) for name in NAMES[1:])), min_size=1, max_size=6),
    broken=st.sampled_from(
        [b"", b"5,2180-07-23\n", b'5,2180-07-23,1,"x\n', b"6,2180-07-23,1,\xff\n", b"6,,,\0\n", b"\n"]
    ),
)
def test_rows_not_asked_for_are_counted_whichever_way_they_are_read(rows, broken):
    text = text_of(rows) + broken
    same(cast.read_block([text], NAMES, COLUMNS, ONLY), by_words(text, ONLY))
    if b'"' not in broken:  # a block is never cut inside quotes
        many = [one for one in (text_of(rows[:1]), text_of(rows[1:]) + broken, text_of(rows)) if one]
        same(cast.read_block(many, NAMES, COLUMNS, ONLY), by_words(b"".join(many), ONLY))


def test_the_quick_way_is_the_one_taken_for_plain_rows(monkeypatch):
    def never(*_):
        raise AssertionError

    monkeypatch.setattr(cast, "parse", never)
    text = b'5,2180-07-23 12:36:00,1.5,"a ""word"",\nin quotes"\n6,2180-07-23 12:37:00,,\n7,2180-07-24,-2,b'
    block = cast.read_block([text], NAMES, COLUMNS, ONLY)
    assert block.good.select("id", "value", "words", "row", "line").rows() == [
        (5, 1.5, 'a "word",\nin quotes', 0, 0),
        (7, -2.0, "b", 2, 3),
    ]
    assert (block.unused, block.records, block.newlines) == (1, 3, 3)


def test_a_row_of_another_width_is_no_row_that_was_not_asked_for():
    text = b"6,2180-07-23,1,a\n6,2180-07-23,1\n6,2180-07-23,1,a,b\n5,x,1,a\n5,2180-07-23,1,a\n"
    block = cast.read_block([text], NAMES, COLUMNS, ONLY)
    assert block.unused == 1
    assert block.bad.rows() == [
        (1, 1, "3 fields where the header has 4"),
        (2, 2, "5 fields where the header has 4"),
        (3, 3, "at: not a date or time"),
    ]
    assert block.good["row"].to_list() == [4]


def test_short_and_long_rows_that_make_up_for_each_other_are_seen():
    assert grid(b"1,2\n3,4,5\n6\n", 2) is None
    assert grid(b"1,2\n3,4\n", 2) is not None


@settings(max_examples=30, deadline=None)
@given(rows=st.lists(ROW, max_size=30), size=st.integers(1, 300), threads=st.integers(1, 4), packed=st.booleans())
def test_block_size_and_threads_change_nothing(tmp_path_factory, rows, size, threads, packed):
    text = b"id,at,value,words\n" + text_of(rows)
    path = tmp_path_factory.mktemp("t") / ("t.csv.gz" if packed else "t.csv")
    path.write_bytes(gzip.compress(text) if packed else text)
    one, other = list(read_table(path, COLUMNS)), list(read_table(path, COLUMNS, block_bytes=size, threads=threads))
    for part in ("good", "bad"):
        whole = pl.concat([getattr(batch, part) for batch in one])
        assert whole.equals(pl.concat([getattr(batch, part) for batch in other]))
    assert sum(b.good.height + b.bad.height for b in one) == len(rows)


def test_results_come_in_order_and_errors_at_their_place():
    def slow_first(n):
        if n == 0:
            np.linalg.svd(np.ones((200, 200)))
        if n == 5:
            raise DataError("five")
        return n

    seen = []
    with pytest.raises(DataError, match="five"):
        seen.extend(in_order(range(9), slow_first, 3))
    found = in_order(range(9), slow_first, 3)
    assert [next(found) for _ in range(5)] == [0, 1, 2, 3, 4]
    with pytest.raises(DataError, match="five"):
        next(found)


def test_few_items_are_drawn_ahead():
    drawn = []
    found = in_order((drawn.append(n) or n for n in range(100)), lambda n: n, 2)
    assert next(found) == 0
    assert len(drawn) <= 4
    found.close()
    assert len(drawn) <= 4
