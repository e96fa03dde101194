"""What computes a sentence encoder: torch, ONNX Runtime or OpenVINO, from the same weights.

An engine embeds one text at a time, unpadded, by one thread: so a vector is a function of its text alone by
construction, in any company, order and number of threads. Threads work side by side, each on a text of its own.
"""

from __future__ import annotations

import io
import sys
import threading
import warnings
from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from xhaim.errors import PrerequisiteError
from xhaim.retrieve.weights import Precision

Backend = Literal["torch", "onnx", "openvino"]

Engine = Callable[[Sequence[int]], NDArray[np.float32]]
"""Word pieces of one text -> its vector [d]; several threads may call it."""

_CONVERTED = {"Transformer", "Pooling", "Normalize", "Dense", "LayerNorm", "Dropout"}
"""Modules of sentence-transformers that conversion is known to keep."""
_SAME = {"float32": 1e-4, "bfloat16": 2e-2}
"""How far from one the cosine of a converted model's vector with the original's may be."""
_PROBES = (2, 9, 33)
"""Word pieces of the texts on which a converted model is compared with the original, besides the longest."""


def load_engine(backend: Backend, model: Any, precision: Precision, label: str, threads: int) -> Engine:  # noqa: ANN401
    """Return the engine of a loaded model, which ``threads`` threads may call at a time.

    ``model`` is a SentenceTransformer, for torch in that precision, else in float32. Raises PrerequisiteError where
    the backend's package is not there, or the model is not one that it can take over exactly.
    """
    if backend == "torch":
        return _torch(model)
    if other := sorted({type(module).__name__ for module in model} - _CONVERTED):
        raise _not_converted(label, f"modules {', '.join(other)}")
    engine = _onnx(model, label) if backend == "onnx" else _openvino(model, label, precision, threads)
    _compare(engine, model, precision, label)
    return engine


def auto_precision(backend: Backend) -> Precision:
    """Return ``bfloat16`` where the processor computes it, which halves the time, else ``float32``."""
    import torch

    units = (getattr(torch.cpu, f"_is_{unit}_supported", None) for unit in ("avx512_bf16", "amx_tile"))
    supported = any(check is not None and check() for check in units)
    return "bfloat16" if supported and backend != "onnx" else "float32"


def _torch(model: Any) -> Engine:  # noqa: ANN401
    import torch

    def embed(ids: Sequence[int]) -> NDArray[np.float32]:
        with torch.inference_mode():
            vector = model({"input_ids": torch.tensor([ids])})["sentence_embedding"][0]
        return np.asarray(vector.float().numpy(), dtype=np.float32)

    return embed


def _onnx(model: Any, label: str) -> Engine:  # noqa: ANN401
    try:
        import onnxruntime
    except ImportError as error:
        raise _not_installed("onnx", error) from error
    import torch

    example = torch.arange(2, 9)[None]
    file = io.BytesIO()
    export: Any = torch.onnx.export  # its types know no file but a path
    how = {"input_names": ["ids"], "output_names": ["vector"], "dynamic_axes": {"ids": {1: "pieces"}}}
    _convert(lambda: export(_plain(model), (example,), file, dynamo=False, opset_version=17, **how), label)
    onnxruntime.disable_telemetry_events()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(file.getvalue(), options, providers=["CPUExecutionProvider"])

    def embed(ids: Sequence[int]) -> NDArray[np.float32]:
        return np.asarray(session.run(None, {"ids": np.array([ids], dtype=np.int64)})[0][0], dtype=np.float32)

    return embed


def _openvino(model: Any, label: str, precision: Precision, threads: int) -> Engine:  # noqa: ANN401
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]  # it would tell Intel and Google of its use
    try:
        import openvino
    except ImportError as error:
        raise _not_installed("openvino", error) from error
    import torch

    converted = _convert(
        lambda: openvino.convert_model(_plain(model), example_input=torch.arange(2, 9)[None], input=[1, -1]), label
    )
    hint = {"float32": openvino.Type.f32, "bfloat16": openvino.Type.bf16}[precision]
    how = {
        "INFERENCE_PRECISION_HINT": hint,
        "NUM_STREAMS": threads,  # a stream is one text under way; as many threads as streams: one thread each
        "INFERENCE_NUM_THREADS": threads,
        "ENABLE_CPU_PINNING": False,  # worker processes would all be pinned to the same core
    }
    compiled = openvino.Core().compile_model(converted, "CPU", how)
    if compiled.get_property("INFERENCE_PRECISION_HINT") != hint:
        raise PrerequisiteError(
            f"OpenVINO does not compute {precision} on this processor", do="use openvino/float32 as the backend"
        )
    mine = threading.local()

    def embed(ids: Sequence[int]) -> NDArray[np.float32]:
        if not hasattr(mine, "request"):
            mine.request = compiled.create_infer_request()
        return np.array(mine.request.infer({0: np.array([ids], dtype=np.int64)})[0][0], dtype=np.float32)

    return embed


def _plain(model: Any) -> Any:  # noqa: ANN401
    """Return the whole model, pooling and all, as a torch module from word pieces [1, n] to vectors [1, d]."""
    import torch

    class Plain(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, ids: torch.Tensor) -> torch.Tensor:
            vectors: torch.Tensor = self.model({"input_ids": ids})["sentence_embedding"]
            return vectors

    return Plain().eval()


def _convert(conversion: Callable[[], Any], label: str) -> Any:  # noqa: ANN401
    import torch

    try:
        with torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what the tracer warns of is compared afterwards
            return conversion()
    except Exception as error:  # converters raise whatever they meet
        raise _not_converted(label, type(error).__name__) from error


def _compare(engine: Engine, model: Any, precision: Precision, label: str) -> None:  # noqa: ANN401
    """Raise PrerequisiteError where a converted model gives other vectors than the original, on made-up texts."""
    original, pieces = _torch(model), len(model.tokenizer)
    generator = np.random.default_rng(0)
    for n in (*_PROBES, int(model.max_seq_length or 0)):
        ids = generator.integers(0, pieces, max(2, n)).tolist()
        a, b = engine(ids).astype(np.float64), original(ids).astype(np.float64)
        cosine = a @ b / (np.linalg.norm(a) * np.linalg.norm(b))
        if not abs(1 - cosine) <= _SAME[precision]:
            raise _not_converted(label, f"cosine {cosine:.4f} with the original's vector")


def _not_converted(label: str, got: str) -> PrerequisiteError:
    return PrerequisiteError(
        f"'{label}' cannot be converted from sentence-transformers",
        got=got,
        expected=f"modules among {', '.join(sorted(_CONVERTED))}, and the same vectors",
        do="use torch as the backend",
    )


def _not_installed(extra: str, error: ImportError) -> PrerequisiteError:
    return PrerequisiteError(
        f"the {extra} backend is not installed", got=error, do=f"pip install 'xhaim[{extra}]', or use torch"
    )
