"""A pytest plugin with which the view of the compact layout shows metadata that is a byte short."""

from __future__ import annotations

import compact_files

_METADATA = "AS checkpoint,\n    metadata"

assert _METADATA in compact_files.SCHEMA
compact_files.SCHEMA = compact_files.SCHEMA.replace(_METADATA, "AS checkpoint,\n    substr(metadata, 2) AS metadata")
