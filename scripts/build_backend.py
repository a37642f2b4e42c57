"""The build backend: maturin, after a check for a Rust toolchain. maturin alone would download one unasked."""

from __future__ import annotations

import os

import maturin
import rust_toolchain
from maturin import (
    build_editable,
    build_sdist,
    build_wheel,
    prepare_metadata_for_build_editable,
    prepare_metadata_for_build_wheel,
)

__all__ = [
    "build_editable",
    "build_sdist",
    "build_wheel",
    "get_requires_for_build_editable",
    "get_requires_for_build_sdist",
    "get_requires_for_build_wheel",
    "prepare_metadata_for_build_editable",
    "prepare_metadata_for_build_wheel",
]

os.environ["MATURIN_NO_INSTALL_RUST"] = "1"
# maturin warns if it is not the declared backend. It is called from here.
os.environ["MATURIN_NO_MISSING_BUILD_BACKEND_WARNING"] = "1"


# pip calls these before it builds anything.
def get_requires_for_build_wheel(config_settings=None):
    rust_toolchain.check()
    return maturin.get_requires_for_build_wheel(config_settings)


def get_requires_for_build_sdist(config_settings=None):
    rust_toolchain.check()
    return maturin.get_requires_for_build_sdist(config_settings)


get_requires_for_build_editable = get_requires_for_build_wheel
