"""``fast-langgraph profile app.py``: runs a program as Python would, profiled, and prints the table at the end."""

from __future__ import annotations

import argparse
import atexit
import contextlib
import io
import os
import runpy
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, TracebackType
from typing import Any

from fast_langgraph._patching import import_hook
from fast_langgraph._profile.report import Profile
from fast_langgraph._profile.session import Profiling, profile
from fast_langgraph._shared import settings
from fast_langgraph.patch import patch_imported

COMMAND = "fast-langgraph profile"


def run(arguments: list[str]) -> int:
    """Runs the program. Returns its exit code, or raises its SystemExit or KeyboardInterrupt.

    The report is printed when the interpreter ends, after the program's threads and its own exit functions.
    """
    ours, program = _split(arguments)
    options = _parser().parse_args(ours)
    if not program:
        _parser().error("which program? fast-langgraph profile app.py, or -m module")
    _choose(options.patch)
    profiling = profile(encode_channels=options.encode_channels)
    profiling.__enter__()
    atexit.register(_finish, profiling, os.getpid(), options.json, options.html)
    with _as_python_would():
        if program[0] == "-m":
            _run_module(program[1:])
        else:
            _run_script(program)
        return 0
    return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        COMMAND,
        usage=f"{COMMAND} [options] app.py args...\n       {COMMAND} [options] -m module args...",
        description="Runs a program, and says where the time of its checkpoints went.",
        allow_abbrev=False,
    )
    parser.add_argument("--json", metavar="FILE", type=Path, help="write the profile there, as JSON")
    parser.add_argument("--html", metavar="FILE", type=Path, help="write a page with charts there")
    parser.add_argument("--patch", action="store_true", default=None, help="patch LangGraph when it is imported")
    parser.add_argument(
        "--no-patch", dest="patch", action="store_false", help="stock's code, whatever the app asks for"
    )
    parser.add_argument(
        "--encode-channels",
        action="store_true",
        help="encode each channel of a sample once more, for the time it takes",
    )
    return parser


def _split(arguments: list[str]) -> tuple[list[str], list[str]]:
    """Our options, and the program with its own."""
    at = 0
    while at < len(arguments) and arguments[at].startswith("-") and arguments[at] != "-m":
        at += 2 if arguments[at] in ("--json", "--html") else 1
    return arguments[:at], arguments[at:]


def _choose(patched: bool | None) -> None:
    """Child processes of the program's do the same."""
    if patched is False:
        os.environ[settings.DISABLE] = "1"
    elif patched:
        os.environ[settings.AUTO_PATCH] = "1"
        if not import_hook.installed():
            import_hook.install(patch_imported)


@contextlib.contextmanager
def _as_python_would() -> Iterator[None]:
    """An exception of the program's is shown without what is ours; nothing more is raised."""
    try:
        yield
    except (SystemExit, KeyboardInterrupt, GeneratorExit):
        raise
    except BaseException as error:
        trace = error.__traceback__ = _own_part(error.__traceback__)
        sys.excepthook(type(error), error, trace)


def _own_part(trace: TracebackType | None) -> TracebackType | None:
    """Of a traceback, what begins in the program."""
    ours = {__file__, contextlib.__file__, runpy.__file__, "<frozen runpy>"}
    while trace is not None and trace.tb_frame.f_code.co_filename in ours:
        trace = trace.tb_next
    return trace


def _run_module(program: list[str]) -> None:
    if not program:
        _parser().error("argument expected for the -m option")
    # As with `python -m`, where this is looked for first.
    _first_in_path(os.getcwd())
    sys.argv[:] = program
    runpy.run_module(program[0], run_name="__main__", alter_sys=True)


def _run_script(program: list[str]) -> None:
    path = program[0]
    sys.argv[:] = program
    if os.path.isdir(path) or not _is_source(path):
        _first_in_path(path)
        runpy.run_path(path, run_name="__main__")
        return
    _first_in_path(os.path.dirname(os.path.realpath(path)))
    file_name = os.path.join(os.getcwd(), path)
    with io.open_code(file_name) as file:
        source = file.read()
    main = ModuleType("__main__")
    # It stays there, for what still runs at the end.
    sys.modules["__main__"] = main
    found: dict[str, Any] = vars(main)
    found.update(__file__=file_name, __builtins__=__builtins__, __cached__=None)
    exec(compile(source, file_name, "exec", dont_inherit=True), found)


def _is_source(path: str) -> bool:
    """And not a zip file or bytecode, which runpy tells apart."""
    try:
        with io.open_code(os.path.abspath(path)) as file:
            return not path.endswith(".pyc") and file.read(2) != b"PK"
    except OSError as error:
        print(f"{sys.executable}: can't open file {os.path.abspath(path)!r}: {error}", file=sys.stderr)
        raise SystemExit(2) from None


def _first_in_path(folder: str) -> None:
    """The folder takes the place of this command's own; with Python's option -P there is none."""
    if getattr(sys.flags, "safe_path", False):
        return
    sys.path[:1] = [folder]


def _finish(profiling: Profiling, process: int, json: Path | None, html: Path | None) -> None:
    if os.getpid() != process:
        return  # the child of a fork
    profiling.__exit__(None, None, None)
    found = profiling.report()
    try:
        if sys.stderr is not None:
            print(f"\n{found}", file=sys.stderr, flush=True)
    except (OSError, ValueError):
        pass  # stderr is closed
    for path, text in ((json, _as_json), (html, Profile.to_html)):
        if path is not None:
            _write(path, text(found))


def _as_json(found: Profile) -> str:
    import json

    return json.dumps(found.to_dict(), indent=2)


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        print(f"{COMMAND}: {path} was not written: {error}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
