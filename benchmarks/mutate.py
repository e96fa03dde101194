"""Ways to damage a file: bytes, csv, gzip and JSON. Each takes a seeded generator and whole bytes."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from copy import deepcopy
from random import Random
from typing import Any

Mutator = Callable[[Random, bytes], bytes]

SPECIAL = (
    *(
        b"\0",
        b'"',
        b'""',
        b"\xef\xbb\xbf",
        b"\r\n",
        b"\r",
        b"\n",
        b"\n\n",
        b",",
        b",,",
        b"\xff",
        b"\xed\xa0\x80",
        b"\x1a",
    ),
    *(b"NaN", b"inf", b"-inf", b"1e308", b"1e309", b"-1e400", b"1e-400", b"0x1f", b"1_000", b" 1", b"+1", b"1.", b".5"),
    *(b"9223372036854775807", b"9223372036854775808", b"-9223372036854775809", b"9" * 400, b"0" * 50, b"-0", b"nan"),
    *(
        b"2150-02-30 10:00:00",
        b"2150-01-01 25:00:00",
        b"0000-00-00",
        b"9999-12-31 23:59:59",
        b"99999-01-01",
        b"2150-01-01T1",
    ),
    *("é漢\u2028".encode(), b"\x85", b"=cmd()", b"../../etc/passwd", b"A" * 3000, b"<!ENTITY x SYSTEM 'file:///x'>"),
)
JSON_SPECIAL: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1e308, float("nan"), float("inf"), 10**30, "", "x", "\0", "\ud800", "A" * 3000, [], {}),
    *(
        [[]],
        [{}],
        {"resourceType": "Patient"},
        "2150-13-45",
        "2150-02-30T25:61:61+99:99",
        "9999-12-31T23:59:59Z",
        "24:00",
    ),
    *(
        "urn:uuid:../../x",
        "Patient/../../etc",
        "#",
        "////",
        {"resourceType": "Bundle", "entry": [{}]},
        "data:;base64,!!",
    ),
)


def damage(random: Random, data: bytes, special: tuple[bytes, ...] = SPECIAL) -> bytes:
    """Return ``data`` after one to four accidents: flips, cuts, copies, insertions, exchanges."""
    for _ in range(random.choice((1, 1, 2, 4))):
        data = random.choice(_ACCIDENTS)(random, data, special)
    return data


def _slice(random: Random, data: bytes) -> tuple[int, int]:
    start = random.randrange(len(data) + 1)
    return start, min(len(data), start + random.choice((1, 2, 4, 16, 64, 512)))


def _flip(random: Random, data: bytes, special: tuple[bytes, ...]) -> bytes:
    out = bytearray(data)
    for _ in range(random.choice((1, 1, 3, 10)) if out else 0):
        at = random.randrange(len(out))
        out[at] = random.choice((out[at] ^ (1 << random.randrange(8)), random.randrange(256), 0, 255))
    return bytes(out)


def _cut(random: Random, data: bytes, special: tuple[bytes, ...]) -> bytes:
    at = random.randrange(len(data) + 1)
    return data[:at] if random.random() < 0.8 else data[at:]


def _delete(random: Random, data: bytes, special: tuple[bytes, ...]) -> bytes:
    start, end = _slice(random, data)
    return data[:start] + data[end:]


def _copy(random: Random, data: bytes, special: tuple[bytes, ...]) -> bytes:
    start, end = _slice(random, data)
    at = random.randrange(len(data) + 1)
    return data[:at] + data[start:end] * random.choice((1, 1, 2, 30)) + data[at:]


def _insert(random: Random, data: bytes, special: tuple[bytes, ...]) -> bytes:
    at = random.randrange(len(data) + 1)
    end = at if random.random() < 0.5 else min(len(data), at + random.randrange(1, 20))
    return data[:at] + random.choice(special) + data[end:]


def _exchange(random: Random, data: bytes, special: tuple[bytes, ...]) -> bytes:
    a, b = sorted((_slice(random, data), _slice(random, data)))
    return (
        data if a[1] > b[0] else data[: a[0]] + data[b[0] : b[1]] + data[a[1] : b[0]] + data[a[0] : a[1]] + data[b[1] :]
    )


_ACCIDENTS = (_flip, _cut, _delete, _copy, _insert, _insert, _exchange)


# ---- csv and gzip -------------------------------------------------------------------------------------------------


def damage_csv(random: Random, data: bytes) -> bytes:
    """Damage bytes, or whole fields and line ends."""
    kind = random.random()
    if kind < 0.1:
        return data.replace(b"\n", random.choice((b"\r\n", b"\r", b"\n\n", b"\n\r")))
    if kind < 0.15:
        return b"\xef\xbb\xbf" + data
    if kind < 0.5:
        lines = data.split(b"\n")
        for _ in range(random.choice((1, 2, 5))):
            at = random.randrange(len(lines))
            fields = lines[at].split(b",")
            fields[random.randrange(len(fields))] = random.choice(SPECIAL)
            lines[at] = b",".join(fields)
        return b"\n".join(lines)
    header = data.find(b"\n") + 1 if kind < 0.9 else 0  # a table without its columns is soon refused
    return data[:header] + damage(random, data[header:])


def damage_gzip(random: Random, data: bytes) -> bytes:
    """Damage the text before it is packed, the packed bytes, or header and trailer, or append to them."""
    kind = random.random()
    if kind < 0.25:
        return gzip.compress(damage_csv(random, data), 1, mtime=0)
    packed = gzip.compress(data, 1, mtime=0)
    if kind < 0.35:
        return packed + random.choice((packed, b"\0" * 100, b"x", packed[:9], packed[:-4], gzip.compress(b"", 1)))
    if kind < 0.65:
        out = bytearray(packed)
        at = random.choice((*range(10), *range(-8, 0)))
        out[at] = random.randrange(256)
        return bytes(out)
    return damage(random, packed)


# ---- JSON ---------------------------------------------------------------------------------------------------------


def damage_json(random: Random, data: bytes) -> bytes:
    """Damage the bytes of some lines, or nodes of the tree: other types, copies, depth, keys twice."""
    if random.random() < 0.4:
        return damage(random, data)
    lines = data.split(b"\n")
    at = random.choice([i for i, line in enumerate(lines) if line])
    tree = json.loads(lines[at])
    for _ in range(random.choice((1, 1, 2, 5))):
        _damage_node(random, tree)
    lines[at] = json.dumps(tree, ensure_ascii=random.random() < 0.9).encode("utf-8", "surrogatepass")
    if random.random() < 0.05:
        depth = random.choice((50, 101, 5_000, 100_000))
        lines[at] = lines[at].replace(b"null", b"[" * depth + b"]" * random.choice((depth, 0)), 1)
    return b"\n".join(lines)


def _damage_node(random: Random, tree: Any) -> None:  # noqa: ANN401
    path = [tree]
    while isinstance(path[-1], dict | list) and path[-1] and random.random() < 0.85:
        item = path[-1]
        path.append(random.choice(list(item.values()) if isinstance(item, dict) else item))
    parents = [item for item in path if isinstance(item, dict | list) and item]
    if not parents:
        return
    parent = parents[-1]
    key = random.choice(list(parent)) if isinstance(parent, dict) else random.randrange(len(parent))
    kind = random.random()
    if kind < 0.15:
        del parent[key]
    elif kind < 0.25:
        parent[key] = random.choice(([parent[key]], {"extension": parent[key]}, str(parent[key])))
    elif kind < 0.35:
        parent[key] = json.loads(json.dumps(random.choice(parents)))  # a copy of what it stands in
    else:
        parent[key] = deepcopy(random.choice(JSON_SPECIAL))
