"""Frozen settings of each step. Their hash goes into every run manifest; unknown keys are refused."""

from __future__ import annotations

import hashlib
import json
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from xhaim.records import ReportPolicy


class _Settings(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


Share = Annotated[float, Field(gt=0, lt=1)]


class SampleSettings(_Settings):
    """When predictions are made: at a drawn chest image of each ICU stay, unless one of the others is said."""

    landmark_hours: Annotated[float, Field(gt=0)] | None = None
    """Once, this many hours after ICU admission."""
    every_hours: Annotated[float, Field(ge=0.25)] | None = None
    """At every multiple of this many hours after ICU admission, while the stay lasts."""
    at_code: Annotated[str, Field(pattern=r"^[A-Z_]+(//[^\s].*)?$")] | None = None
    """One second after each event was known whose code is this or begins with it (``LAB//50813``): it is seen."""
    max_per_stay: Annotated[int, Field(ge=1)] | None = None
    """Drawn by the hash where a stay has more; ``None``: one image, or all of the others."""
    seed: int = 0
    """Of the hash that draws."""

    @model_validator(mode="after")
    def _one_rule(self) -> SampleSettings:
        said = [name for name in ("landmark_hours", "every_hours", "at_code") if getattr(self, name) is not None]
        if len(said) > 1:
            raise ValueError(f"{' and '.join(said)} exclude each other; expected one of them")
        if self.at_code is not None and f"{self.at_code}//".startswith("IMAGE//"):
            raise ValueError("at_code is an image; expected max_per_stay, which draws that many chest images of a stay")
        return self


class SplitSettings(_Settings):
    """Repeated train/test splits, stratified, grouped by subject (paper: 5 of 80/20)."""

    repeats: Annotated[int, Field(ge=1, le=100)] = 5
    test_share: Share = 0.2
    validation_share: Share = 0.2
    """Of train; grouped too. For calibration and the operating point."""
    seed: int = 0
    file: str | None = None
    """Instead of drawing: a csv or Parquet file with subject_id, part and, for several, split from 0."""


class RetrieveSettings(_Settings):
    """Step 1 (paper section 4: alpha 0.5, SBERT, BM25)."""

    encoder: str = "minilm"
    """``[backend[/precision]:]model``, as in ``openvino:minilm``, ``torch/float32:/folder``; or a registered name.
    Torch unless said, whatever else is installed; bfloat16 unless said, where the processor computes it."""
    alpha: Annotated[float, Field(ge=0, le=1)] = 0.5
    top_k_notes: Annotated[int, Field(ge=1)] = 10
    top_k_cxr: Annotated[int, Field(ge=1)] = 5
    max_words: Annotated[int, Field(ge=8)] = 180
    """Of a chunk: MiniLM silently cuts at 256 word pieces."""
    overlap_sentences: Annotated[int, Field(ge=0)] = 1
    k1: float = 1.5
    b: float = 0.75
    polarity_slots: bool = True
    """Queries for synonyms and signs, and slots for affirmed, negated, uncertain; off: the paper's plain form."""
    recency: Annotated[float, Field(ge=0, le=1)] = 0.05
    """Bonus of the newest document's chunks over the oldest's where the top k are chosen; never in the score."""


class LanguageModelSettings(_Settings):
    """An OpenAI-compatible endpoint; none: extractive summaries, composed explanations."""

    url: str | None = None
    model: str | None = None
    allow_remote: bool = False
    """Loopback and ``hosts`` only unless said."""
    hosts: tuple[str, ...] = ()
    """Hosts besides this machine that may read notes as they are: a hospital's own gateway. Names or addresses."""
    acknowledgement: str | None = None
    """For any other host: who allows it and why, in words that name the host. Kept in the run's manifest."""
    image_model: str | None = None
    """A vision model that puts chest images into words (Qwen2.5-VL); ``None``: no image is sent anywhere."""
    image_url: str | None = None
    """Its endpoint; ``None``: ``url``. On this machine or in ``hosts``: pixels may hold names, and go nowhere else."""
    max_images: Annotated[int, Field(ge=1, le=8)] = 2
    """In one question: the image, and the newest earlier ones. A server may allow fewer than it is sent."""
    max_output_tokens: int = 700
    timeout_s: float = 120.0
    concurrency: Annotated[int, Field(ge=1, le=256)] = 4
    """Questions under way at a time."""
    max_calls: Annotated[int, Field(ge=0)] | None = None
    """Questions of one run; ``None``: no limit. What lies in the ledger is free."""
    max_total_tokens: Annotated[int, Field(ge=0)] | None = None
    """Of one run, in and out, as the server counts them."""

    def decisive(self) -> str:
        """Return what decides an answer as JSON, for a stage's key: not how many at a time, nor how much in all."""
        return self.model_dump_json(include={"url", "model", "allow_remote", "hosts", "max_output_tokens"})

    def for_images(self) -> LanguageModelSettings | None:
        """Return the settings of the vision model's endpoint, with room for every finding; ``None``: there is none."""
        url = self.image_url or self.url
        if self.image_model is None or url is None:
            return None
        room = max(self.max_output_tokens, 1500)
        return self.model_copy(update={"url": url, "model": self.image_model, "max_output_tokens": room})


class SummarizeSettings(_Settings):
    """Step 2."""

    max_tokens: Annotated[int, Field(ge=16, le=510)] = 256
    """Word pieces of the encoder, special tokens counted; Bio_ClinicalBERT takes 510."""
    shown_words: Annotated[int, Field(ge=20, le=2000)] = 120
    """Of the evidence, in a prompt; the sentences that bear most on the task."""


class EntailmentSettings(_Settings):
    """Steps 2 and 4: whether what a language model writes follows from what it cites."""

    path: str | None = None
    """Folder of an NLI model; ``None``: only the rules check, and every record says so."""
    at_least: Share = 0.5
    """Probability of entailment from which a sentence follows: more likely than neutral and contradiction together."""


class EncoderSettings(_Settings):
    """Step 3, fine-tuning: AdamW, warm-up 10 %, early stop on grouped validation."""

    name: str = "minilm"
    """``minilm`` (weights come as a package), or the path or name of any BERT-family model."""
    folds: Annotated[int, Field(ge=2, le=20)] = 5
    epochs: Annotated[int, Field(ge=1, le=20)] = 5
    learning_rate: float = 2e-5
    head_learning_rate: float = 1e-3
    batch_size: Annotated[int, Field(ge=1)] = 16
    trainable_layers: Annotated[int, Field(ge=1)] = 2
    """From the top; the activations below are computed once."""
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    seed: int = 0


class FusionSettings(_Settings):
    """Step 3, fusion and calibration."""

    members: Annotated[tuple[Annotated[str, Field(pattern=r"^[\w-]+:\w+(\+\w+)*$")], ...], Field(min_length=1)] = (
        "xgboost:values",
        "xgboost:embeddings+values",
        "steps:values",
        "linear:embeddings",
        "words:words",
    )
    """``learner:view``; what each adds is learned. The paper's: ``xgboost:embeddings+values`` alone. Learners: xgboost,
    steps, linear, words, lightgbm, extra-trees, or any that is registered. Views: values, embeddings, words, a block
    such as time_series, or several of them."""
    grid: Literal["haim", "shallow", "small"] = "shallow"
    """Of the trees: HAIM's 24 combinations; 9 of fewer and shallower leaves; 2 for a demonstration."""
    folds: Annotated[int, Field(ge=2, le=20)] = 5
    """Grouped, in which members choose and are weighed."""
    isotonic_from: int = 1000
    """Calibration rows from which isotonic replaces Platt."""
    sensitivity: Share = 0.9
    """Target of the operating point, on validation."""
    conformal_error: Share = 0.1
    seed: int = 0


class ExplainSettings(_Settings):
    """Step 4."""

    max_for: Annotated[int, Field(ge=1)] = 5
    max_against: Annotated[int, Field(ge=1)] = 3
    max_measurements: Annotated[int, Field(ge=0)] = 12
    """Single measurements whose effect is measured."""
    additive: Annotated[int, Field(ge=0, le=1000)] = 0
    """Orders over which each citation's share of the risk is averaged, so that the shares sum; 0: not asked for."""
    samples: Annotated[int, Field(ge=0)] = 20
    """Explanations written by ``run`` for the report, for each task; any other on request."""


class KnowledgeSettings(_Settings):
    """Step 4: what medicine says of a task's question."""

    cards: bool = True
    """The shipped card of the task, where there is one: definition, signs, mimics, criteria."""
    card: str | None = None
    """Path of a card of one's own for a task, instead; the run then has that task alone."""
    folder: str | None = None
    """Markdown and JSONL of one's own, searched for each task's question; ``None``: none."""
    passages: Annotated[int, Field(ge=0, le=20)] = 2
    """Of the folder, in an explanation."""


class RunSettings(_Settings):
    """Everything that decides a run's result."""

    tasks: tuple[str, ...]
    """Names or paths."""
    report_policy: ReportPolicy | None = None
    """Overrides the pathology tasks' own; ``admissible`` is refused where there are any."""
    systems: tuple[str, ...] = ("xhaim", "xhaim_frozen", "haim", "haim_no_radiology", "permuted_labels")
    """What is fitted and compared (``run/systems.py``); xhaim always is. More may be added to a run that is there."""
    combinations: tuple[Literal["haim", "haim_sources", "xhaim"], ...] = ()
    """Of which ``xhaim evaluate`` also fits every combination of modalities, 15 models a split, for Shapley values;
    ``haim_sources``: every combination of HAIM's sources, up to 2047."""
    sample: SampleSettings = SampleSettings()
    split: SplitSettings = SplitSettings()
    retrieve: RetrieveSettings = RetrieveSettings()
    summarize: SummarizeSettings = SummarizeSettings()
    llm: LanguageModelSettings = LanguageModelSettings()
    entailment: EntailmentSettings = EntailmentSettings()
    encoder: EncoderSettings = EncoderSettings()
    fusion: FusionSettings = FusionSettings()
    explain: ExplainSettings = ExplainSettings()
    knowledge: KnowledgeSettings = KnowledgeSettings()
    shard_size: Annotated[int, Field(ge=1)] = 64
    """Samples in a shard; shards are cut by sample id."""


def settings_hash(*parts: BaseModel | str | int | float | None) -> str:
    """Return 16 hex digits of the canonical JSON of the parts: the same settings, the same hash."""
    plain = [part.model_dump(mode="json") if isinstance(part, BaseModel) else part for part in parts]
    text = json.dumps(plain, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]
