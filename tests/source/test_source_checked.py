"""Reading one csv: whatever is in the file, each row is used or set aside with its line; faults of the file stop."""

import csv
import gzip
import io

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xhaim.errors import DataError
from xhaim.source.csv_tables.blocks import blocks
from xhaim.source.csv_tables.checked import columns, header_of, read_table

COLUMNS = columns("id int!  at time!  value number  words text  later text?")
HEADER = "id,at,value,words"
GOOD = "1,2150-01-01 10:00:00,1.5,ok"


def read(path, **more):
    batches = list(read_table(path, more.pop("columns", COLUMNS), **more))
    return pl.concat([b.good for b in batches]), pl.concat([b.bad for b in batches])


def table(tmp_path, content, name="t.csv"):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


CELLS = st.text(st.sampled_from('ab"\n,é漢 \r\x0b'), max_size=6).filter(lambda s: s != "")


@settings(max_examples=60, deadline=None)
@given(
    rows=st.lists(st.tuples(CELLS, CELLS, CELLS), max_size=12),
    block_bytes=st.integers(1, 200),
    end=st.sampled_from(["\n", "\r\n"]),
    packed=st.booleans(),
    last_newline=st.booleans(),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
)
def test_any_csv_reads_as_the_standard_library_reads_it(
    tmp_path_factory, rows, block_bytes, end, packed, last_newline, quoting
):
    if quoting == csv.QUOTE_MINIMAL:  # which leaves a bare carriage return without quotes
        rows = [tuple(cell.replace("\r", "r") for cell in row) for row in rows]
    out = io.StringIO(newline="")
    csv.writer(out, lineterminator=end, quoting=quoting).writerows([("a", "b", "c"), *rows])
    text = out.getvalue() if last_newline else out.getvalue().removesuffix(end)
    path = tmp_path_factory.mktemp("t") / ("t.csv.gz" if packed else "t.csv")
    path.write_bytes(gzip.compress(text.encode()) if packed else text.encode())
    good, bad = read(path, columns=columns("c text  a text  b text"), block_bytes=block_bytes)
    assert bad.is_empty()
    assert list(good.select("a", "b", "c").iter_rows()) == rows
    starts, line = [], 1 + 1
    for row in rows:
        starts.append(line)
        line += 1 + sum(cell.count("\n") for cell in row)
    assert good["line"].to_list() == starts
    assert good["row"].to_list() == list(range(1, len(rows) + 1))


@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_no_damaged_byte_makes_rows_vanish(tmp_path_factory, data):
    lines = [f'{i},2150-01-01 10:00:{i:02},{i}.5,"said ""{i}"", then{i}"' for i in range(8)]
    content = bytearray((HEADER + "\n" + "\n".join(lines) + "\n").encode())
    body = len(HEADER) + 1
    where = data.draw(st.integers(body, len(content) - 1))
    content[where] = data.draw(st.integers(0, 255))
    path = table(tmp_path_factory.mktemp("t"), bytes(content))
    good, bad = read(path, block_bytes=data.draw(st.sampled_from([40, 1 << 20])))
    hit = content[:where].count(b"\n") - 1
    kept = set(range(8)) - {hit, hit + 1, hit - 1}  # a lost newline joins two rows, a lost quote may touch the next
    assert kept <= set(good["id"].to_list())
    assert sorted([*good["row"], *bad["row"]]) == list(range(1, good.height + bad.height + 1))
    assert good.height + bad.height >= 7


@settings(max_examples=40, deadline=None)
@given(rows=st.lists(st.tuples(st.integers(), CELLS), min_size=1, max_size=10))
def test_both_parsers_agree(tmp_path_factory, rows):
    out = io.StringIO(newline="")
    csv.writer(out, lineterminator="\n").writerows([("id", "words"), *rows])
    folder = tmp_path_factory.mktemp("t")
    wanted = columns("id int!  words text")
    regular, _ = read(table(folder, out.getvalue(), "a.csv"), columns=wanted)
    with_fault, bad = read(table(folder, out.getvalue() + "1,2,3\n", "b.csv"), columns=wanted)
    assert bad["reason"].to_list()[-1] == "3 fields where the header has 2"
    assert regular.equals(with_fault)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("2,2150-01-01 10:00:00,1.5", "3 fields where the header has 4"),
        ("2,2150-01-01 10:00:00,1.5,ok,more", "5 fields where the header has 4"),
        ("2,2150-02-30 10:00:00,1.5,ok", "at: not a date or time"),
        ("2,SECRET,1.5,ok", "at: not a date or time"),
        ("2,,1.5,ok", "at: missing"),
        (",2150-01-01 10:00:00,1.5,ok", "id: missing"),
        ("2.5,2150-01-01 10:00:00,1.5,ok", "id: not a whole number"),
        ("99999999999999999999,2150-01-01 10:00:00,1.5,ok", "id: not a whole number"),
        ("2,2150-01-01 10:00:00,SECRET,ok", "value: not a finite number of 32 bits"),
        ("2,2150-01-01 10:00:00,NaN,ok", "value: not a finite number of 32 bits"),
        ("2,2150-01-01 10:00:00,inf,ok", "value: not a finite number of 32 bits"),
        ("2,2150-01-01 10:00:00,1e308,ok", "value: not a finite number of 32 bits"),
        ("2,2150-01-01 10:00:00,1.5,o\0k", "a NUL byte"),
        (b"2,2150-01-01 10:00:00,1.5,o\xffk", "bytes that are not UTF-8"),
        ("\r2,2150-01-01 10:00:00,1.5,ok", "quoting: a quote that never closes, or text after a closing one"),
        ("\ufeff2,2150-01-01 10:00:00,1.5,ok", "id: not a whole number"),
        ('2,2150-01-01 10:00:00,1.5,"SECRET', "quoting: a quote that never closes, or text after a closing one"),
        ('2,2150-01-01 10:00:00,1.5,"SEC"RET', "quoting: a quote that never closes, or text after a closing one"),
    ],
)
def test_a_bad_row_is_set_aside_with_its_line_and_all_others_are_used(tmp_path, row, reason):
    body = row if isinstance(row, bytes) else row.encode()
    path = table(tmp_path, f'{HEADER}\n1,2150-01-01 10:00:00,,"two\nlines"\n'.encode() + body + f"\n{GOOD}\n".encode())
    good, bad = read(path)
    assert good["line"].to_list() == [2, 5]
    assert bad.rows() == [(2, 4, reason)]
    assert "SECRET" not in str(bad.to_dicts())


def test_an_open_quote_swallows_no_later_row(tmp_path):
    rows = [f"{i},2150-01-01 10:00:00,1,x" for i in range(3, 2000)]
    path = table(tmp_path, "\n".join([HEADER, '2,2150-01-01 10:00:00,1,"x', *rows, '1,2150-01-01 10:00:00,1,"y']))
    good, bad = read(path, block_bytes=4096)
    assert good["id"].to_list() == list(range(3, 2000))
    assert bad["line"].to_list() == [2, 1999 + 1]


def test_a_quote_that_never_closes_costs_its_line_only(tmp_path, monkeypatch):
    monkeypatch.setattr("xhaim.source.csv_tables.blocks.MAX_RECORD_BYTES", 10_000)
    rows = [f"{i},2150-01-01 10:00:00,1,x" for i in range(3, 5000)]
    path = table(tmp_path, "\n".join([HEADER, *rows[:100], '2,2150-01-01 10:00:00,1,"x', *rows[100:]]))
    good, bad = read(path, block_bytes=1024)
    assert good["id"].to_list() == list(range(3, 5000))
    assert bad["line"].to_list() == [102]


def test_values_times_and_absent_columns(tmp_path):
    path = table(tmp_path, f"\ufeff{HEADER},extra\r\n-7,2150-01-01,-1e-3,,x\r\n\r\n8,2150-01-01 23:59:59.250,,é,\r\n")
    good, bad = read(path)
    assert bad.is_empty()
    assert good.drop("at").rows() == [(-7, -0.001, None, None, 1, 2), (8, None, "é", None, 2, 4)]
    assert good["at"].dt.to_string("%F %T%.3f").to_list() == ["2150-01-01 00:00:00.000", "2150-01-01 23:59:59.250"]
    assert good.schema["at"] == pl.Datetime("us")


def test_a_table_with_a_header_only_has_no_rows(tmp_path):
    good, bad = read(table(tmp_path, HEADER))
    assert good.is_empty()
    assert bad.is_empty()
    assert good.columns == [*COLUMNS, "row", "line"]


def test_a_field_of_ten_megabytes_is_read_whole(tmp_path):
    text = "word \n" * 1_750_000
    path = table(tmp_path, f'{HEADER}\n1,2150-01-01,1,"{text}"\n{GOOD}\n')
    good, bad = read(path, block_bytes=1 << 20)
    assert bad.is_empty()
    assert good["words"].to_list() == [text, "ok"]


def faulty_gzips():
    whole = gzip.compress((HEADER + "\n" + "\n".join(f"{i},2150-01-01,{i},{i * i}" for i in range(20000))).encode())
    middle = len(whole) // 2
    return {
        "truncated": whole[:middle],
        "only the trailer cut": whole[:-1],
        "only a header": whole[:10],
        "wrong checksum": whole[:-8] + bytes([whole[-8] ^ 1]) + whole[-7:],
        "wrong length": whole[:-1] + bytes([whole[-1] ^ 1]),
        "a flipped bit": whole[:middle] + bytes([whole[middle] ^ 8]) + whole[middle + 1 :],
        "text after the end": whole + b"and more",
        "second member cut": whole + whole[:middle],
        "plain text": (HEADER + "\n" + GOOD).encode(),
        "nothing": b"",
        "nothing inside": gzip.compress(b""),
        "two members with nothing inside": gzip.compress(b"") * 2,
    }


@pytest.mark.parametrize("fault", faulty_gzips())
def test_a_file_that_cannot_be_trusted_stops_with_its_name(tmp_path, fault):
    path = table(tmp_path, faulty_gzips()[fault], "labevents.csv.gz")
    with pytest.raises(DataError, match=r"labevents\.csv\.gz") as caught:
        read(path, block_bytes=1 << 16)
    assert caught.value.got
    assert caught.value.expected
    assert caught.value.do


def test_members_and_padding_are_part_of_gzip(tmp_path):
    content = gzip.compress(f"{HEADER}\n".encode()) + b"\0" * 512 + gzip.compress(f"{GOOD}\n".encode()) + b"\0" * 100
    assert read(table(tmp_path, content, "t.csv.gz"))[0].height == 1


@pytest.mark.parametrize(
    ("header", "said"),
    [
        ("id,at,value", "no column 'words'"),
        ("id,at,value,words,id", "a column more than once"),
        ("\n", "no header"),
        (b"id,\xff,value", "no readable header"),
    ],
)
def test_a_header_that_does_not_fit_stops(tmp_path, header, said):
    content = header if isinstance(header, bytes) else header.encode()
    with pytest.raises(DataError, match=said):
        read(table(tmp_path, content + b"\n"))


@pytest.mark.parametrize("content", [b"", gzip.compress(b"")])
def test_a_file_without_a_header_is_empty(tmp_path, content):
    with pytest.raises(DataError, match="is empty"):
        header_of(table(tmp_path, content, "t.csv.gz"))


@pytest.mark.parametrize("start", ["\r", "\ufeff"])
@pytest.mark.parametrize("words", ["ok", '"ok"'])
@pytest.mark.parametrize("first", ["1", "a"])
def test_what_arrow_skips_at_the_start_of_a_block_is_part_of_its_row(tmp_path, start, words, first):
    """Only the file's own mark of UTF-8 is no text; blocks of one byte each begin with a record of their own."""
    wanted = columns(f"id {'int' if first == '1' else 'text'}!  words text")
    path = table(tmp_path, f"\ufeffid,words\n{first},{words}\n{start}{first},{words}\n{first},{words}\n")
    for block_bytes in (1, 1 << 20):
        good, bad = read(path, columns=wanted, block_bytes=block_bytes)
        kept = [(f"{start}a" if row == 2 else "a") if first == "a" else 1 for row in good["row"]]
        assert good["id"].to_list() == kept
        assert bad["row"].to_list() == ([2] if first == "1" or start == "\r" else [])


def test_a_compressed_file_named_csv_stops(tmp_path):
    with pytest.raises(DataError, match="is compressed"):
        header_of(table(tmp_path, gzip.compress(HEADER.encode())))


def test_blocks_stay_small_whatever_the_ratio(tmp_path):
    path = table(tmp_path, gzip.compress(b"a,b\n" * 2_000_000), "t.csv.gz")
    told = []
    sizes = [len(block) for block in blocks(path, told.append, 1 << 16)]
    assert sum(sizes) == 8_000_000
    assert max(sizes) <= 2 << 16
    assert sum(told) == path.stat().st_size
