"""The simulated cohort as a whole: layouts, determinism, integrity, truth that is true."""

import csv
import gzip
import hashlib
import io
from pathlib import Path

import polars as pl
import pytest
from PIL import Image

from xhaim.errors import DataError
from xhaim.source.simulate import simulate
from xhaim.source.simulate.layout import FILES, TABLES

DEMO = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "mimic_iv_demo_2.2"


def digest(root: Path) -> dict[str, str]:
    files = sorted(path for path in root.rglob("*") if path.is_file())
    return {str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_the_same_seed_gives_the_same_bytes_and_another_does_not(tmp_path):
    simulate(tmp_path / "a", stays=3, seed=5)
    simulate(tmp_path / "b", stays=3, seed=5)
    simulate(tmp_path / "c", stays=3, seed=6)
    assert digest(tmp_path / "a") == digest(tmp_path / "b")
    assert digest(tmp_path / "a")["icu/chartevents.csv.gz"] != digest(tmp_path / "c")["icu/chartevents.csv.gz"]


def test_the_bytes_do_not_depend_on_the_number_of_workers(tmp_path):
    alone = simulate(tmp_path / "alone", stays=52, seed=2, images=False)
    assert simulate(tmp_path / "two", stays=52, seed=2, images=False, workers=2) == alone
    assert digest(tmp_path / "two") == digest(tmp_path / "alone")


def test_without_images_all_else_is_the_same(tmp_path):
    simulate(tmp_path / "seen", stays=3, seed=5)
    assert simulate(tmp_path / "blind", stays=3, seed=5, images=False)["images"] == 0
    seen = {name: value for name, value in digest(tmp_path / "seen").items() if not name.endswith(".jpg")}
    assert digest(tmp_path / "blind") == seen


def test_ids_are_unique_over_blocks(tmp_path):
    simulate(tmp_path / "two", stays=53, seed=4, images=False)
    for table, key in (
        ("labevents", "labevent_id"),
        ("patients", "subject_id"),
        ("icustays", "stay_id"),
        ("transfers", "transfer_id"),
        ("prescriptions", "pharmacy_id"),
        ("emar", "emar_id"),
        ("machine_measurements", "study_id"),
    ):
        found = pl.read_csv(tmp_path / "two" / TABLES[table], infer_schema=False)[key]
        assert found.n_unique() == len(found), table


def rows(path: Path) -> list[list[str]]:
    raw = path.read_bytes()
    text = (gzip.decompress(raw) if path.suffix == ".gz" else raw).decode()
    return list(csv.reader(io.StringIO(text, newline="")))


def test_a_stay_is_the_same_whatever_the_number_of_stays(tmp_path):
    simulate(tmp_path / "few", stays=4, seed=1)
    simulate(tmp_path / "more", stays=7, seed=1)
    for name, path in TABLES.items():
        few, more = rows(tmp_path / "few" / path), rows(tmp_path / "more" / path)
        # the last patient of the few may go on in the more: only the rest of that row (date of death) may differ
        shared = len(few) - 1 if name == "patients" else len(few)
        assert more[:shared] == few[:shared], path
    images = {name: value for name, value in digest(tmp_path / "few").items() if name.endswith(".jpg")}
    assert images.items() <= digest(tmp_path / "more").items()


@pytest.mark.real_data
@pytest.mark.parametrize("path", [path for path in FILES if path.startswith(("hosp/", "icu/"))])
def test_headers_are_those_of_the_real_files(path):
    if not DEMO.is_dir():
        pytest.skip("the open clinical data lies beside its developers' checkout only")
    with gzip.open(DEMO / path, "rt") as file:
        assert file.readline().strip() == FILES[path]


def test_headers_of_notes_and_images_are_the_official_ones(cohort):
    root, _ = cohort
    note = "note_id,subject_id,hadm_id,note_type,note_seq,charttime,storetime,text"
    assert ",".join(rows(root / "note/radiology.csv.gz")[0]) == note
    assert ",".join(rows(root / "note/discharge.csv.gz")[0]) == note
    chexpert = rows(root / "mimic-cxr-jpg/mimic-cxr-2.0.0-chexpert.csv.gz")
    assert chexpert[0][:4] == ["subject_id", "study_id", "Atelectasis", "Cardiomegaly"]
    assert chexpert[0][-1] == "Support Devices"
    assert {cell for row in chexpert[1:] for cell in row[2:]} == {"", "0.0", "1.0", "-1.0"}


def test_what_is_returned_is_what_was_written(cohort, read):
    root, told = cohort
    for table, path in TABLES.items():
        assert told["rows"][table] == len(rows(root / path)) - 1, table
    assert told["images"] == len(list(root.rglob("*.jpg"))) == 0, "the cohort of these tests has none"
    assert told["stays"] == read(root, "icustays").height == 200
    assert (
        "not about a real person" in (root / "SIMULATED").read_text() or "Nothing" in (root / "SIMULATED").read_text()
    )


def test_ids_refer_to_rows_that_exist(cohort, read):
    root, _ = cohort
    subjects = set(read(root, "patients")["subject_id"])
    admissions = set(read(root, "admissions").select("subject_id", "hadm_id").iter_rows())
    stays = set(read(root, "icustays").select("subject_id", "hadm_id", "stay_id").iter_rows())
    for table in ("labevents", "radiology", "discharge", "transfers", "emar", "prescriptions", "diagnoses_icd"):
        frame = read(root, table).drop_nulls("hadm_id")
        assert set(frame.select("subject_id", "hadm_id").iter_rows()) <= admissions, table
        assert set(frame["subject_id"]) <= subjects
    for table in ("chartevents", "procedureevents", "inputevents", "outputevents"):
        assert set(read(root, table).select("subject_id", "hadm_id", "stay_id").iter_rows()) <= stays, table
    metadata, chexpert = read(root, "metadata"), read(root, "chexpert")
    assert set(metadata["study_id"]) == set(chexpert["study_id"])
    assert chexpert["study_id"].n_unique() == chexpert.height
    for table, key in (
        ("metadata", "dicom_id"),
        ("icustays", "stay_id"),
        ("admissions", "hadm_id"),
        ("machine_measurements", "study_id"),
        ("labevents", "labevent_id"),
        ("patients", "subject_id"),
    ):
        assert read(root, table)[key].n_unique() == read(root, table).height, table
    note_ids = pl.concat([read(root, "radiology")["note_id"], read(root, "discharge")["note_id"]])
    assert note_ids.n_unique() == len(note_ids)
    assert set(read(root, "spans")["note_id"]) <= set(note_ids)
    items = set(read(root, "d_items")["itemid"])
    assert all(set(read(root, t)["itemid"]) <= items for t in ("chartevents", "procedureevents", "outputevents"))
    assert set(read(root, "labevents")["itemid"]) <= set(read(root, "d_labitems")["itemid"])


def test_images_are_small_grey_jpgs_where_the_metadata_says(tmp_path, read):
    root = tmp_path / "seen"
    told = simulate(root, stays=6, seed=0)
    assert told["images"] == len(list(root.rglob("*.jpg"))) == read(root, "metadata").height > 10
    for row in read(root, "metadata").head(40).iter_rows(named=True):
        subject = row["subject_id"]
        path = root / f"mimic-cxr-jpg/files/p10/p{subject}/s{row['study_id']}/{row['dicom_id']}.jpg"
        with Image.open(path) as image:
            image.load()
            assert (image.mode, image.size, image.format) == ("L", (row["Columns"], row["Rows"]), "JPEG")
            low, high = image.getextrema()
            assert high - low > 80


def test_values_in_intensive_care_lie_within_the_stay(cohort, read):
    root, _ = cohort
    stays = read(root, "icustays").select("stay_id", "intime", "outtime")
    assert (stays["intime"] < stays["outtime"]).all()
    chart = read(root, "chartevents").join(stays, on="stay_id")
    assert ((chart["charttime"] >= chart["intime"]) & (chart["charttime"] <= chart["outtime"])).all()
    for table in ("chartevents", "labevents"):
        known = read(root, table).drop_nulls("storetime")
        assert (known["storetime"] >= known["charttime"]).all()
        missing = 1 - known.height / read(root, table).height
        assert 0.001 < missing < 0.03, "a little dirt"
    values = read(root, "labevents")
    assert 0.001 < values["valuenum"].is_null().mean() < 0.03


def test_first_film_of_a_stay_is_at_least_two_hours_in_and_before_its_end(cohort, read):
    root, told = cohort
    latent = read(root, "latent").filter(pl.col("sample_id").is_not_null() & (pl.col("anchor") == "study"))
    films = latent.select("stay_id", "study_id", "time").unique().join(read(root, "icustays"), on="stay_id")
    assert (films["time"] >= films["intime"].dt.offset_by("2h")).all()
    assert (films["time"] < films["outtime"]).all()
    counts = films.group_by("stay_id").len()["len"]
    assert counts.min() >= 1
    assert counts.max() <= 6
    assert 0.80 < len(counts) / told["stays"] < 0.95, "some stays have no film"
    metadata = read(root, "metadata")
    frontal = metadata.filter(pl.col("ViewPosition").is_in(["AP", "PA"]))
    assert set(films["study_id"]) <= set(frontal["study_id"])


def test_refuses_what_it_cannot_do(tmp_path):
    with pytest.raises(DataError, match="this many"):
        simulate(tmp_path / "none", stays=0)
    with pytest.raises(DataError, match="seed"):
        simulate(tmp_path / "none", stays=1, seed=-1)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("keep me")
    with pytest.raises(DataError, match="there already"):
        simulate(tmp_path / "full", stays=1)
    assert [path.name for path in tmp_path.iterdir()] == ["full"]
