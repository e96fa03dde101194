"""YAML of others: plain values only, no aliases (a few lines of them can stand for gigabytes), no key twice."""

from __future__ import annotations

from typing import Any

import yaml

from xhaim.errors import DataError

_MAX_DEPTH = 16
"""Of lists and mappings in each other."""


class _Strict(yaml.SafeLoader):
    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("an alias; write the value out")
        self.depth += 1
        if self.depth > _MAX_DEPTH:
            raise yaml.YAMLError(f"more than {_MAX_DEPTH} lists and mappings in each other")
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        if len(set(keys)) < len(keys):
            twice = next(key for at, key in enumerate(keys) if key in keys[:at])
            raise yaml.YAMLError(f"the key {twice[:60]!r} twice in one mapping, line {node.start_mark.line + 1}")
        return super().construct_mapping(node, deep)


def parse(text: str) -> Any:  # noqa: ANN401  (whatever the file holds; a model judges it next)
    """Return the values of a YAML text. Raises DataError with the place of what is no plain YAML."""
    try:
        return yaml.load(text, Loader=_Strict)  # noqa: S506  (a SafeLoader that refuses more)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = "" if mark is None else f", line {mark.line + 1}"
        raise DataError(f"{getattr(error, 'problem', None) or error}{place}") from None
    except ValueError as error:  # 2024-13-45
        raise DataError(f"a value that cannot be read ({type(error).__name__})") from None
