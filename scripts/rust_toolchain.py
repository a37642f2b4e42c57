"""Prints one sentence and fails if the Rust toolchain that a build needs is missing or too old."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

HELP = "install it from https://rustup.rs or by the system's package manager"


def numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))


def missing() -> str:
    manifest = Path(__file__).parents[1] / "Cargo.toml"
    [wanted] = re.findall(r'^rust-version = "([0-9.]+)"$', manifest.read_text(encoding="utf-8"), re.MULTILINE)
    need = f"it is built by Rust {wanted} or later"
    for tool in ("cargo", "rustc"):
        if shutil.which(tool) is None:
            return f"{need}, and {tool} is not on PATH: {HELP}"
    done = subprocess.run(["rustc", "--version"], capture_output=True, text=True, check=False)
    found = re.match(r"rustc ([0-9.]+)", done.stdout)
    if found is None:
        return f"{need}, and `rustc --version` fails: {(done.stderr or done.stdout).strip()}"
    if numbers(found[1]) < numbers(wanted):
        return f"{need}, and this is {found[1]}: update it by `rustup update`, or {HELP}"
    return ""


def check() -> None:
    """Exits with the sentence, if something is missing."""
    if sentence := missing():
        sys.exit(f"fast_langgraph: {sentence}")


if __name__ == "__main__":
    check()
