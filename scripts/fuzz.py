"""Runs libFuzzer's targets in `fuzz/` on RUNS inputs each, divided among JOBS processes: `scripts/fuzz.py RUNS JOBS
[TARGET ...]`. Ends at the first input that fails, and says which file it is kept in."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "target/fuzz"
#: The longest input of each: as long as it takes for every kind of cut, and short enough to be fast.
TARGETS = {"reader": 128, "cuts": 5000, "recipe": 160, "storing": 256}
#: What cargo-fuzz asks the compiler for, without a sanitizer: the crates contain no unsafe code.
FLAGS = "-Cpasses=sancov-module " + " ".join(
    f"-Cllvm-args=-sanitizer-coverage-{option}"
    for option in ("level=4", "inline-8bit-counters", "pc-table", "trace-compares")
)


def build() -> Path:
    version = subprocess.run(["rustc", "-vV"], check=True, capture_output=True, text=True).stdout
    host = next(line.removeprefix("host: ") for line in version.splitlines() if line.startswith("host: "))
    command = ["cargo", "build", "--quiet", "--locked", "--release", "--manifest-path", "fuzz/Cargo.toml"]
    # With --target, the flags are not for build scripts.
    command += ["--features", "libfuzzer", "--target-dir", BUILD, "--target", host]
    subprocess.run(command, check=True, cwd=ROOT, env={**os.environ, "RUSTFLAGS": FLAGS})
    return BUILD / host / "release"


def run(programs: Path, target: str, runs: int, jobs: int) -> bool:
    found = BUILD / "found" / target
    found.mkdir(parents=True, exist_ok=True)
    logs = [BUILD / f"{target}.{job}.log" for job in range(jobs)]
    # The processes share what they find. The corpus that is kept is read and never written.
    options = [f"-runs={runs // jobs}", f"-max_len={TARGETS[target]}", "-reload=1", "-print_final_stats=1"]
    command = [programs / target, *options, f"-artifact_prefix={BUILD}/{target}-", found, ROOT / "fuzz/corpus" / target]
    begun = time.monotonic()
    processes = [subprocess.Popen(command, stdout=log.open("wb"), stderr=subprocess.STDOUT) for log in logs]
    while None in (codes := [process.poll() for process in processes]) and not any(codes):
        time.sleep(0.2)
    seconds = time.monotonic() - begun
    for process in processes:
        process.terminate()
        process.wait()
    if failed := next((log for log, code in zip(logs, codes, strict=True) if code), None):
        print(failed.read_text(errors="replace"))
        return False
    texts = [log.read_text(errors="replace") for log in logs]
    total = sum(int(count) for text in texts for count in re.findall(r"number_of_executed_units: (\d+)", text))
    ways = max(int(count) for text in texts for count in re.findall(r"DONE +cov: (\d+)", text))
    print(f"{target}: {total:,} inputs, {total / seconds:,.0f} a second, {ways} edges reached", flush=True)
    return True


def main() -> int:
    runs, jobs, targets = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:] or list(TARGETS)
    programs = build()
    return 0 if all(run(programs, target, runs, jobs) for target in targets) else 1


if __name__ == "__main__":
    sys.exit(main())
