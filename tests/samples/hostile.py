"""MessagePack that no encoder wrote: made by hand to be wrong in every way."""

from __future__ import annotations

import random
import struct
from typing import Any

import ormsgpack

from samples import classes as s
from samples.classes import path_of

#: the module of the functions that payloads name
CALLABLES = s.build.__module__


def pack(value: Any) -> bytes:
    """Plain MessagePack, with keys of any type."""
    return ormsgpack.packb(value, option=ormsgpack.OPT_NON_STR_KEYS)


def ext(code: int, payload: bytes) -> bytes:
    """An ext of the shortest form, with codes that ormsgpack's own Ext would refuse too."""
    head = struct.pack(">b", code)
    if len(payload) in (1, 2, 4, 8, 16):
        return bytes([0xD4 + (1, 2, 4, 8, 16).index(len(payload))]) + head + payload
    if len(payload) < 256:
        return b"\xc7" + struct.pack(">B", len(payload)) + head + payload
    return b"\xc9" + struct.pack(">I", len(payload)) + head + payload


def long_ext(code: int, payload: bytes) -> bytes:
    """The same as an ext of the longest form."""
    return b"\xc9" + struct.pack(">I", len(payload)) + struct.pack(">b", code) + payload


def array(*items: bytes) -> bytes:
    """An array of parts that are encoded already."""
    return b"\xdc" + struct.pack(">H", len(items)) + b"".join(items)


def mapping(*items: bytes) -> bytes:
    """A map of keys and values that are encoded already."""
    return b"\xde" + struct.pack(">H", len(items) // 2) + b"".join(items)


def markers() -> dict[str, bytes]:
    """Every first byte, with nothing behind it, with little and with enough."""
    cases = {}
    for marker in range(256):
        for name, rest in {"alone": b"", "zeros": bytes(20), "ones": b"\xff" * 20, "text": b"abcdefghij" * 30}.items():
            cases[f"{marker:#x} {name}"] = bytes([marker]) + rest
    return cases


def lengths() -> dict[str, bytes]:
    """Lengths that promise more than there is."""
    cases = {}
    heads = {"str": b"\xdb", "bin": b"\xc6", "array": b"\xdd", "map": b"\xdf", "ext": b"\xc9"}
    for name, head in heads.items():
        for length in (1, 2**16, 2**31 - 1, 2**31, 2**32 - 1):
            cases[f"{name} of {length}"] = head + struct.pack(">I", length) + b"\x00ab"
            cases[f"{name} of {length} in an ext"] = ext(0, head + struct.pack(">I", length) + b"\x00ab")
    for name, head in {"array": b"\xdc", "map": b"\xde", "str": b"\xda", "bin": b"\xc5", "ext": b"\xc8"}.items():
        cases[f"{name}16"] = head + b"\xff\xff" + b"\xc0" * 100
    cases["many arrays of 2**32"] = b"\xdd\xff\xff\xff\xff" * 200
    cases["many maps of 2**32"] = b"\xdf\xff\xff\xff\xff\xa1a" * 200
    return cases


def depths() -> dict[str, bytes]:
    """Nesting at the limit and far beyond."""
    cases = {}
    for n in (*range(1000, 1030), 100_000):
        cases[f"arrays {n}"] = b"\x91" * n + b"\x01"
        cases[f"maps {n}"] = b"\x81\xa1a" * n + b"\x01"
        cases[f"keys {n}"] = b"\x81" + b"\x91" * n + b"\x01\x02"
        cases[f"both {n}"] = b"\x91\x81\xa1a" * (n // 2) + b"\x01"
        cases[f"empty {n}"] = b"\x91" * n + b"\x90"
    for n in (1, 5, 20, 60):
        inner = pack([1, 2])
        for _ in range(n):
            inner = ext(0, array(pack("builtins"), pack("list"), inner))
        cases[f"exts {n}"] = inner
        inner = pack(None)
        for _ in range(n):
            inner = long_ext(7, inner)
        cases[f"snapshots {n}"] = inner
    for n in (1018, 1022, 1023):
        cases[f"arrays {n} in an ext"] = ext(0, array(pack("builtins"), pack("list"), b"\x91" * n + b"\x01"))
        cases[f"ext in arrays {n}"] = b"\x91" * n + ext(0, array(pack("builtins"), pack("set"), pack([1])))
    return cases


KEYS_AS_BYTES = {
    "nil": b"\xc0",
    "true": b"\xc3",
    "int": b"\x01",
    "float": b"\xcb" + struct.pack(">d", 1.0),
    "float32": b"\xca" + struct.pack(">f", 1.5),
    "nan": b"\xcb" + struct.pack(">d", float("nan")),
    "bin": b"\xc4\x01a",
    "str": b"\xa1a",
    "empty str": b"\xa0",
    "long str": b"\xda\x00\x50" + b"k" * 80,
    "str8 that is short": b"\xd9\x01a",
    "str32 that is short": b"\xdb\x00\x00\x00\x01a",
    "bad utf-8": b"\xa2\xff\xfe",
    "utf-8 of a surrogate": b"\xa3\xed\xa0\x80",
    "overlong utf-8": b"\xa2\xc0\x80",
    "array": b"\x92\x01\xa1a",
    "empty array": b"\x90",
    "array of arrays": b"\x91\x91\x01",
    "array of a map": b"\x91\x81\x01\x02",
    "array of an ext": b"\x91\xd4\x09a",
    "map": b"\x81\x01\x02",
    "empty map": b"\x80",
    "ext": b"\xd4\x09a",
    "timestamp": b"\xd6\xff\x00\x00\x00\x00",
    "reserved": b"\xc1",
    "uint64": b"\xcf" + b"\xff" * 8,
    "int64": b"\xd3\x80" + bytes(7),
    "int in nine bytes": b"\xcf" + bytes(7) + b"\x01",
}


def maps() -> dict[str, bytes]:
    """Keys of every kind, and keys that come twice."""
    cases = {}
    for name, key in KEYS_AS_BYTES.items():
        cases[f"key {name}"] = mapping(key, b"\x01")
        cases[f"key {name} twice"] = mapping(key, b"\x01", b"\xa1z", b"\x02", key, b"\x03")
        cases[f"value {name}"] = mapping(b"\xa1a", key)
        cases[f"element {name}"] = array(key, key)
        cases[f"key {name} without value"] = b"\x81" + key
    for first, second in (("true", "int"), ("int", "float"), ("float", "true"), ("str", "str8 that is short")):
        cases[f"keys {first} and {second}"] = mapping(KEYS_AS_BYTES[first], b"\x01", KEYS_AS_BYTES[second], b"\x02")
    return cases


def payloads() -> dict[str, bytes]:
    """What an ext may hold instead of what it should."""
    build = path_of(s.build)
    return {
        "nothing": b"",
        "garbage": b"\xc1\xff\x00",
        "nil": pack(None),
        "int": pack(5),
        "str": pack("abcdef"),
        "bytes": pack(b"abcdef"),
        "map": pack({0: CALLABLES, 1: "build", 2: [1], 3: "x"}),
        "map with names": pack({"a": 1}),
        "empty array": pack([]),
        "one": pack([CALLABLES]),
        "two": pack(build),
        "three": pack((*build, [1, 2])),
        "four": pack((*build, [1, 2], "method")),
        "five": pack((*build, [1, 2], "method", 5)),
        "kwargs": pack((*build, {"a": 1, "b": 2})),
        "kwargs and method": pack((*build, {"a": 1}, "model_validate_json")),
        "kwargs with an int key": pack((*build, {1: 2})),
        "kwargs with a tuple key": pack((*build, {(1, 2): 2})),
        "kwargs with an odd name": pack((*build, {"not a name": 1, "": 2, "self": 3, "cls": 4})),
        "empty kwargs": pack((*build, {})),
        "str argument": pack((*build, "xyz")),
        "bytes argument": pack((*build, b"xyz")),
        "int argument": pack((*build, 5)),
        "nil argument": pack((*build, None)),
        "no such module": pack(("no_such_module_here", "x", [1])),
        "no such name": pack((CALLABLES, "no_such_name", [1])),
        "relative module": pack((".", "x", [1])),
        "relative submodule": pack((f".{CALLABLES}", "build", [1])),
        "empty module": pack(("", "x", [1])),
        "module with NUL": pack(("a\x00b", "x", [1])),
        "dotted name": pack((s.Plain.__module__, "Plain.a", [1])),
        "dunder name": pack((CALLABLES, "__name__", [1])),
        "module is an int": pack((5, "x", [1])),
        "module is bytes": pack((b"builtins", "set", [1])),
        "module is a list": pack((["a"], "x", [1])),
        "module is nil": pack((None, None, None)),
        "name is an int": pack((CALLABLES, 5, [1])),
        "name is empty": pack((CALLABLES, "", [1])),
        "raises": pack((*path_of(s.refuse), [1])),
        "raises with kwargs": pack((*path_of(s.refuse), {"a": 1})),
        "interrupts": pack((*path_of(s.interrupt), [1], "fromisoformat")),
        "interrupts with kwargs": pack((*path_of(s.interrupt), {"a": 1})),
        "unhashable set": pack(("builtins", "set", [[1]])),
        "set of an int": pack(("builtins", "set", 5)),
        "set": pack(("builtins", "set", [1, 2, 1])),
        "set of str": pack(("builtins", "set", "abc")),
        "set of map": pack(("builtins", "set", {"a": 1})),
        "frozenset": pack(("builtins", "frozenset", [1])),
        "deque": pack(("collections", "deque", [1])),
        "deque of str": pack(("collections", "deque", "abc")),
        "deque with maxlen": pack(("collections", "deque", [[1], 5])),
        "uuid": pack(("uuid", "UUID", "12345678123456781234567812345678")),
        "uuid upper": pack(("uuid", "UUID", "ABCDEF78123456781234567812345678")),
        "uuid with dashes": pack(("uuid", "UUID", "12345678-1234-5678-1234-567812345678")),
        "uuid in braces": pack(("uuid", "UUID", "{12345678123456781234567812345678}")),
        "uuid as urn": pack(("uuid", "UUID", "urn:uuid:12345678123456781234567812345678")),
        "uuid with underscores": pack(("uuid", "UUID", "1234567_12345678123456781234567_")),
        "uuid with spaces": pack(("uuid", "UUID", " 2345678123456781234567812345678")),
        "uuid with a sign": pack(("uuid", "UUID", "+2345678123456781234567812345678")),
        "uuid with other digits": pack(("uuid", "UUID", "٣" * 32)),
        "uuid too short": pack(("uuid", "UUID", "123")),
        "uuid of bytes": pack(("uuid", "UUID", b"x" * 16)),
        "decimal": pack(("decimal", "Decimal", "1.50")),
        "decimal with underscores": pack(("decimal", "Decimal", "1_0.5")),
        "decimal with spaces": pack(("decimal", "Decimal", " 1.5 ")),
        "decimal of int": pack(("decimal", "Decimal", 5)),
        "decimal of float": pack(("decimal", "Decimal", 0.1)),
        "decimal of tuple": pack(("decimal", "Decimal", [0, [1, 5], -1])),
        "decimal bad": pack(("decimal", "Decimal", "x")),
        "datetime": pack(("datetime", "datetime", "2020-01-02T03:04:05.000006+01:00", "fromisoformat")),
        "datetime with Z": pack(("datetime", "datetime", "2020-01-02T03:04:05Z", "fromisoformat")),
        "datetime basic": pack(("datetime", "datetime", "20200102T030405", "fromisoformat")),
        "datetime week": pack(("datetime", "datetime", "2020-W01-4", "fromisoformat")),
        "datetime of date": pack(("datetime", "datetime", "2020-01-02", "fromisoformat")),
        "datetime with comma": pack(("datetime", "datetime", "2020-01-02T03:04:05,123", "fromisoformat")),
        "datetime with space": pack(("datetime", "datetime", "2020-01-02 03:04", "fromisoformat")),
        "datetime short fraction": pack(("datetime", "datetime", "2020-01-02T03:04:05.1", "fromisoformat")),
        "datetime long fraction": pack(("datetime", "datetime", "2020-01-02T03:04:05.123456789", "fromisoformat")),
        "datetime bad": pack(("datetime", "datetime", "2020-13-02", "fromisoformat")),
        "datetime 30 February": pack(("datetime", "datetime", "2020-02-30T00:00:00", "fromisoformat")),
        "datetime hour 24": pack(("datetime", "datetime", "2020-01-02T24:00:00", "fromisoformat")),
        "datetime of an int": pack(("datetime", "datetime", 5, "fromisoformat")),
        "datetime utcnow": pack(("datetime", "datetime", 5, "fromtimestamp")),
        "date": pack(("datetime", "date", [2020, 1, 2])),
        "date bad": pack(("datetime", "date", [2020, 13, 2])),
        "date of floats": pack(("datetime", "date", [2020.0, 1, 2])),
        "date of bools": pack(("datetime", "date", [2020, True, True])),
        "date too short": pack(("datetime", "date", [2020])),
        "date from pickle": pack(("datetime", "date", [b"\x07\xe4\x01\x02"])),
        "datetime from pickle": pack(("datetime", "datetime", [b"\x07\xe4\x01\x02\x03\x04\x05\x00\x00\x06"])),
        "datetime positional": pack(("datetime", "datetime", [2020, 1, 2, 3])),
        "time": pack(("datetime", "time", {"hour": 1, "minute": 2, "fold": 1})),
        "time bad": pack(("datetime", "time", {"hour": 25})),
        "time reordered": pack(("datetime", "time", {"fold": 1, "tzinfo": None, "hour": 3})),
        "timedelta": pack(("datetime", "timedelta", [1, 2, 3])),
        "timedelta not normal": pack(("datetime", "timedelta", [0, 100000, -5])),
        "timedelta of floats": pack(("datetime", "timedelta", [1.5, 0, 0])),
        "timedelta long": pack(("datetime", "timedelta", [1, 2, 3, 4, 5, 6, 7])),
        "timedelta overflow": pack(("datetime", "timedelta", [10**10, 0, 0])),
        "timezone": pack(("datetime", "timezone", [5])),
        "zoneinfo": pack(("zoneinfo", "ZoneInfo", "UTC")),
        "zoneinfo bad": pack(("zoneinfo", "ZoneInfo", "../etc/passwd")),
        "path": pack(("pathlib", "PosixPath", ["/", "a", "b"])),
        "path absolute within": pack(("pathlib", "PurePosixPath", ["a", "/b", "", ".", "c/"])),
        "path of an int": pack(("pathlib", "PosixPath", [5])),
        "windows path": pack(("pathlib", "WindowsPath", ["C:\\", "a"])),
        "pattern": pack(("re", "compile", ["a+", 34])),
        "pattern bad": pack(("re", "compile", ["(", 0])),
        "pattern with odd flags": pack(("re", "compile", ["a", 2**20])),
        "ip": pack(("ipaddress", "IPv4Address", "1.2.3.4")),
        "ip bad": pack(("ipaddress", "IPv4Address", "1.2.3.400")),
        "ip of an int": pack(("ipaddress", "IPv4Address", 16909060)),
        "Send": pack(("langgraph.types", "Send", ["n", {"a": 1}])),
        "Send of one": pack(("langgraph.types", "Send", ["n"])),
        "Send of three": pack(("langgraph.types", "Send", ["n", 1, None])),
        "Send with seconds": pack(("langgraph.types", "Send", ["n", 1, 5])),
        "Send of four": pack(("langgraph.types", "Send", ["n", 1, None, 4])),
        "Send of a str": pack(("langgraph.types", "Send", "ab")),
        "Send of a map": pack(("langgraph.types", "Send", {"node": "n", "arg": 1})),
        "Send node is an int": pack(("langgraph.types", "Send", [5, 1])),
        "Interrupt": pack(("langgraph.types", "Interrupt", {"value": 1, "id": "x"})),
        "Interrupt reordered": pack(("langgraph.types", "Interrupt", {"id": "x", "value": 1})),
        "Interrupt old": pack(
            ("langgraph.types", "Interrupt", {"value": 1, "resumable": True, "ns": ["a:1"], "when": "during"})
        ),
        "Interrupt id is an int": pack(("langgraph.types", "Interrupt", {"value": 1, "id": 5})),
        "Interrupt without value": pack(("langgraph.types", "Interrupt", {"id": "x"})),
        "enum": pack((*path_of(s.Color), 1)),
        "enum of no member": pack((*path_of(s.Color), 99)),
        "enum of list": pack((*path_of(s.Color), [1, 2])),
        "flag": pack((*path_of(s.Bits), 3)),
        "dataclass": pack((*path_of(s.Plain), {"a": 1, "b": 2, "c": 3})),
        "dataclass reordered": pack((*path_of(s.Plain), {"c": 1, "a": 2, "b": 3})),
        "dataclass with extras": pack((*path_of(s.Plain), {"a": 1, "z": 2})),
        "dataclass without": pack((*path_of(s.Plain), {})),
        "dataclass with a duplicate": array(
            *map(pack, path_of(s.Plain)), mapping(pack("a"), pack(1), pack("a"), pack(2))
        ),
        "model": pack((*path_of(s.Model), {"a": 1, "b": "x", "c": []}, "model_validate_json")),
        "model invalid": pack((*path_of(s.Model), {"a": "no", "b": 5}, "model_validate_json")),
        "model class that is none": pack((*path_of(s.Opaque), {"a": 1}, "model_validate_json")),
        "model of a list": pack((*path_of(s.Numbers), [1, 2], "model_validate_json")),
        "validated": pack((*path_of(s.Validated), {"a": 1}, "model_validate_json")),
        "v1 model": pack((*path_of(s.OldModel), {"a": 1})),
        "v1 model invalid": pack((*path_of(s.OldModel), {"a": "no"})),
        "array": pack(("<i4", [2], "C", struct.pack("<2i", 1, 2))),
        "array F": pack(("<i4", [2, 1], "F", struct.pack("<2i", 1, 2))),
        "array order A": pack(("<i4", [2], "A", struct.pack("<2i", 1, 2))),
        "array order bad": pack(("<i4", [2], "Q", struct.pack("<2i", 1, 2))),
        "array dtype bad": pack(("<q9", [2], "C", b"12345678")),
        "array of objects": pack(("|O", [1], "C", b"12345678")),
        "array size bad": pack(("<i4", [3], "C", struct.pack("<2i", 1, 2))),
        "array shape -1": pack(("<i4", [-1], "C", struct.pack("<2i", 1, 2))),
        "array shape int": pack(("<i4", 2, "C", struct.pack("<2i", 1, 2))),
        "array shape nil": pack(("<i4", None, "C", struct.pack("<2i", 1, 2))),
        "array buffer str": pack(("<i4", [1], "C", "abcd")),
        "array buffer empty": pack(("<i4", [0], "C", b"")),
        "array buffer odd": pack(("<i4", [1], "C", b"abcde")),
        "array of three": pack(("<i4", [1], "C")),
        "array dtype list": pack(([["a", "<i4"]], [1], "C", b"abcd")),
        "array dtype nil": pack((None, [1], "C", b"abcdefgh")),
        "trailing bytes": pack((*build, [1])) + b"trailing",
        "nested ext": array(*map(pack, path_of(s.build)), array(ext(0, pack(("builtins", "set", [1]))))),
        "module is an ext": array(ext(0, pack(("builtins", "str", "builtins"))), pack("set"), pack([1])),
        "tuple is an ext": ext(0, pack(("builtins", "tuple", ["builtins", "set", [5]]))),
        "tuple is a snapshot": ext(7, pack((*path_of(s.build), [1]))),
        "argument is an ext": array(*map(pack, path_of(s.build)), ext(0, pack(("builtins", "list", [1, 2])))),
        "argument is a blocked ext": array(*map(pack, path_of(s.build)), ext(3, pack(("os", "getcwd", "x", "y")))),
        "key is an ext": array(*map(pack, path_of(s.build)), mapping(ext(0, pack(("builtins", "str", "x"))), pack(1))),
        "bad utf-8 within": array(*map(pack, path_of(s.build)), b"\xa2\xff\xfe"),
        "bad utf-8 as the name": array(pack(CALLABLES), b"\xa2\xff\xfe", pack(1)),
    }


def exts() -> dict[str, bytes]:
    """Every code with every payload: right for one code, wrong for the others."""
    cases = {}
    for code in (*range(9), 16, 127, -1, -128):
        for name, payload in payloads().items():
            cases[f"ext {code} {name}"] = ext(code, payload)
    for name, payload in payloads().items():
        cases[f"after an ext {name}"] = array(
            ext(2, pack((*path_of(s.build), {"a": 1}))), long_ext(1, payload), b"\xc1"
        )
    return cases


def damaged(sample: bytes, seed: int, rounds: int) -> list[bytes]:
    """A sample with bits turned, bytes replaced, parts doubled or cut out."""
    chance = random.Random(seed)
    cases = []
    for _ in range(rounds):
        data = bytearray(sample)
        for _ in range(chance.choice((1, 1, 1, 2, 5))):
            at = chance.randrange(len(data)) if data else 0
            kind = chance.randrange(5)
            if not data or kind == 0:
                data.insert(at, chance.randrange(256))
            elif kind == 1:
                data[at] ^= 1 << chance.randrange(8)
            elif kind == 2:
                data[at] = chance.choice((0x00, 0x7F, 0x80, 0x90, 0xC0, 0xC1, 0xC7, 0xD4, 0xDD, 0xDF, 0xFF))
            elif kind == 3:
                del data[at : at + chance.randrange(1, 4)]
            else:
                data[at:at] = data[at : at + chance.randrange(1, 9)]
        cases.append(bytes(data))
    return cases
