"""Claims with evidence from the layouts in which they are published, and from broken ones."""

import io
import json
import tarfile

import pytest

from xhaim.errors import DataError
from xhaim.verify.pairs import MAX_CHARACTERS, Pair, read_pairs

TRIAL = {"Adverse Events": ["Adverse Events 1:", "  Nausea 3/10 (30.00%)"], "Results": ["Unit: days  4"]}
OTHER = {"Adverse Events": ["Adverse Events 1:", "  Nausea 0/12 (0.00%)"]}


def statement(**more):
    return {
        "Type": "Single",
        "Section_id": "Adverse Events",
        "Primary_id": "NCT00000001",
        "Statement": "Nausea was seen.",
        "Label": "Entailment",
        **more,
    }


def nli4ct(folder, rows, trials):
    (folder / "dev.json").write_text(json.dumps(rows))
    (folder / "CT_json").mkdir()
    for key, trial in trials.items():
        (folder / "CT_json" / f"{key}.json").write_text(json.dumps(trial))
    return folder / "dev.json"


def packed(path, members):
    with tarfile.open(path, "w:gz") as tar:
        for name, data in members:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))


def test_a_csv_of_topics_is_read_in_its_order(tmp_path):
    path = tmp_path / "some.csv"
    path.write_text(
        "id,evidence,claim,label,topic_ip,question\n"
        '7,"One, two.",First,Supports,3,why\n'
        '8,"Line one\nline two",Second,Refutes,4,why\n'
        "9,Third text,Third,Neutral,4,why\n"
    )
    assert read_pairs(path) == [
        Pair("7", "First", "One, two.", "entailment", "3"),
        Pair("8", "Second", "Line one\nline two", "contradiction", "4"),
        Pair("9", "Third", "Third text", "neutral", "4"),
    ]


def test_json_lines_name_columns_in_their_own_way_and_may_have_no_label(tmp_path):
    path = tmp_path / "some.jsonl"
    path.write_text(
        '{"premise": "A.", "hypothesis": "B.", "gold_label": "not enough info"}\n\n'
        '{"evidence": ["A.", "C."], "claim": "D."}\n'
    )
    assert read_pairs(path) == [Pair("1", "B.", "A.", "neutral", "A."), Pair("3", "D.", "A.\nC.", None, "A.\nC.")]


def test_a_statement_comes_with_the_section_of_both_trials(tmp_path):
    rows = {"a": statement(), "b": statement(Secondary_id="NCT00000002", Label="Contradiction")}
    one, two = read_pairs(nli4ct(tmp_path, rows, {"NCT00000001": TRIAL, "NCT00000002": OTHER}))
    assert one.evidence.splitlines() == ["Primary trial:", "Adverse Events 1:", "  Nausea 3/10 (30.00%)"]
    assert two.evidence.endswith("Secondary trial:\nAdverse Events 1:\n  Nausea 0/12 (0.00%)")
    assert (one.label, two.label, one.group) == ("entailment", "contradiction", two.group)


def test_a_tar_gives_the_same_as_a_folder_and_nothing_is_unpacked(tmp_path):
    rows = {"a": statement()}
    folder, tar = tmp_path / "folder", tmp_path / "tar"
    folder.mkdir()
    tar.mkdir()
    (tar / "dev.json").write_text(json.dumps(rows))
    data = json.dumps(TRIAL).encode()
    members = [("../../NCT00000009.json", data), ("CT json/NCT00000001.json", data), ("CT json/evil.json", b"{")]
    packed(tar / "CT_json.tar.gz", members)
    assert read_pairs(tar / "dev.json") == read_pairs(nli4ct(folder, rows, {"NCT00000001": TRIAL}))
    assert sorted(path.name for path in tar.iterdir()) == ["CT_json.tar.gz", "dev.json"]


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("a.csv", "claim,evidence,label\nsecret words,,Supports\n", "row 2: no evidence"),
        ("a.csv", "claim,evidence,label\nsecret words,x,perhaps so\n", "label that is not known"),
        ("a.csv", 'claim,evidence\nsecret words,"x\n', "line"),
        ("a.csv", "claim,evidence\n", "holds no claim"),
        ("a.csv", f"claim,evidence\nsecret words,{'x' * (MAX_CHARACTERS + 1)}\n", "field larger"),
        ("a.jsonl", '{"claim": "secret words"\n', "line 1: no JSON"),
        ("a.jsonl", '["secret words"]\n["more"]\n', "no object"),
        ("a.json", "[" * 100_000, "no JSON"),
        ("a.json", '{"claim": "secret words", "evidence": 3}', "no text"),
    ],
)
def test_a_broken_file_is_refused_without_quoting_a_claim(tmp_path, name, text, says):
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(DataError) as caught:
        read_pairs(path)
    assert says in str(caught.value)
    assert "secret" not in str(caught.value)


def test_what_is_not_there_is_said(tmp_path):
    with pytest.raises(DataError, match="no file"):
        read_pairs(tmp_path / "none.csv")
    (tmp_path / "latin.csv").write_bytes(b"claim,evidence\n\xe9,x\n")
    with pytest.raises(DataError, match="not UTF-8"):
        read_pairs(tmp_path / "latin.csv")
    (tmp_path / "dev.json").write_text(json.dumps({"a": statement()}))
    with pytest.raises(DataError, match="no trial record"):
        read_pairs(tmp_path / "dev.json")


@pytest.mark.parametrize(
    "row",
    [statement(Primary_id="NCT00000007"), statement(Section_id="Nothing"), statement(Primary_id="../NCT00000001")],
)
def test_a_trial_that_is_not_there_is_no_evidence(tmp_path, row):
    with pytest.raises(DataError, match="no section"):
        read_pairs(nli4ct(tmp_path, {"a": row}, {"NCT00000001": TRIAL}))


def test_a_tar_that_is_broken_is_refused(tmp_path):
    (tmp_path / "dev.json").write_text(json.dumps({"a": statement()}))
    (tmp_path / "CT_json.tar.gz").write_bytes(b"\x1f\x8b not a tar")
    with pytest.raises(DataError, match="cannot be read"):
        read_pairs(tmp_path / "dev.json")
    packed(tmp_path / "CT_json.tar.gz", [("NCT00000001.json", b"[1, 2]")])
    with pytest.raises(DataError, match="no record"):
        read_pairs(tmp_path / "dev.json")
