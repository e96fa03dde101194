"""The jobs of a stage as tasks of a Ray cluster: the same functions, shards and run directory as of the local engine.

Ray is given what to do and the sample ids; patients' records stay on the storage. A task whose process or node is
killed is begun again elsewhere. Without an address in ``RAY_ADDRESS`` a cluster of this machine alone is started, on
loopback, without dashboard and usage statistics, and ended with the run.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack, redirect_stdout
from ipaddress import ip_address
from typing import Any, TypeVar

from xhaim.errors import BackendError, PrerequisiteError
from xhaim.run.context import Run
from xhaim.run.engines import THREAD_VARIABLES, TRIES, Outcomes, elsewhere, killed, one_thread
from xhaim.run.faults import Ended
from xhaim.run.nodes import Terms

T = TypeVar("T")

ADDRESS = "RAY_ADDRESS"
"""Ray's own variable for the cluster to use."""
_LOOPBACK = "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"
"""Off, Ray takes the loopback address for its own, on any system; ``_node_ip_address`` was measured not to."""
_OBJECTS = 80 * 2**20
"""Bytes of the local object store, near the least that Ray allows: results are files."""


def require_ray() -> None:
    """Raise PrerequisiteError where Ray is not installed."""
    if importlib.util.find_spec("ray") is None:
        raise PrerequisiteError(
            "--engine ray needs a package that is not installed",
            got="no package ray",
            do="pip install 'xhaim[ray]'; or leave --engine out: the local engine gives the same bytes",
        )


def on_node(terms: Terms, task: Callable[[T], Ended], job: T) -> Ended:
    """Do one job on the node that Ray chose, if it meets the terms."""
    try:
        terms.check()
    except PrerequisiteError as error:
        return Ended(error=error)
    one_thread()
    return elsewhere(task, job)


class Cluster:
    """A Ray cluster: the one at ``RAY_ADDRESS``, or one of so many processes on this machine."""

    def __init__(self, workers: int) -> None:
        require_ray()
        self._workers = workers
        os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
        if ADDRESS not in os.environ:
            os.environ[_LOOPBACK] = "0"
        self._ray: Any = importlib.import_module("ray")  # reads both
        self._mine = not self._ray.is_initialized()
        self._said = ExitStack()
        self._said.enter_context(
            redirect_stdout(sys.stderr)
        )  # where Ray tells of killed processes: ours is for results
        if self._mine:
            self._begin()

    def _begin(self) -> None:
        alike = ("HF_HUB_OFFLINE", "TOKENIZERS_PARALLELISM")
        variables = dict.fromkeys((*THREAD_VARIABLES, "POLARS_MAX_THREADS"), "1")
        variables |= {name: os.environ[name] for name in alike if name in os.environ}
        own = ADDRESS not in os.environ
        local = {"num_cpus": self._workers, "include_dashboard": False, "object_store_memory": _OBJECTS} if own else {}
        try:
            self._ray.init(
                address=os.environ.get(ADDRESS, "local"),
                log_to_driver=False,
                logging_level="error",
                runtime_env={"env_vars": variables},
                **local,
            )
        except (ConnectionError, RuntimeError, ValueError) as error:
            self._said.close()
            raise BackendError(
                "no Ray cluster could be reached or started",
                got=f"{type(error).__name__}, with {ADDRESS}={os.environ.get(ADDRESS, '')}",
                do=f"see whether 'ray status' finds it; without {ADDRESS} a cluster of this machine is started",
            ) from error
        if own and not (address := ip_address(self._ray.util.get_node_ip_address())).is_loopback:
            self.close()
            raise BackendError(
                "Ray would listen to the network", got=address, expected="loopback", do="import ray after xhaim"
            )

    def outcomes(self, run: Run, task: Callable[[T], Ended], jobs: Sequence[T]) -> Outcomes:
        """Do them in any order, so many at a time."""
        ray = self._ray
        remote = ray.remote(num_cpus=1, max_retries=TRIES)(on_node)
        terms, shared = ray.put(Terms.of(run)), ray.put(task)
        waiting = list(enumerate(jobs))[::-1]
        under_way: dict[Any, int] = {}
        try:
            while waiting or under_way:
                while waiting and len(under_way) < self._workers:
                    place, job = waiting.pop()
                    under_way[remote.remote(terms, shared, job)] = place
                ended, _ = ray.wait(list(under_way), num_returns=1)
                for one in ended:
                    result = self._result(one)
                    yield under_way.pop(one), result
        finally:
            if under_way:
                ray.wait(list(under_way), num_returns=len(under_way))

    def _result(self, reference: Any) -> Ended:  # noqa: ANN401  (Ray's ObjectRef)
        exceptions: Any = importlib.import_module("ray.exceptions")
        try:
            ended: Ended = self._ray.get(reference)
        except (exceptions.WorkerCrashedError, exceptions.OutOfMemoryError):
            raise killed() from None
        except exceptions.RayError as error:
            raise BackendError(
                "Ray could not do a part of the work",
                got=type(error).__name__,
                expected="nodes with the same installation of xhaim as here",
                do="see what its nodes log, then run the same command again: it goes on where it stopped",
            ) from error
        return ended

    def close(self) -> None:
        """Leave the cluster; end it where it was started here."""
        if self._mine:
            self._ray.shutdown()
        self._said.close()
