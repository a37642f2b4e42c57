"""maturin, once there is a Rust toolchain; by itself it would fetch one, unasked."""

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
# It is: from here.
os.environ["MATURIN_NO_MISSING_BUILD_BACKEND_WARNING"] = "1"


# These are asked first, before anything is built.
def get_requires_for_build_wheel(config_settings=None):
    rust_toolchain.check()
    return maturin.get_requires_for_build_wheel(config_settings)


def get_requires_for_build_sdist(config_settings=None):
    rust_toolchain.check()
    return maturin.get_requires_for_build_sdist(config_settings)


get_requires_for_build_editable = get_requires_for_build_wheel
