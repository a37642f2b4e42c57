"""Putting ours in stock's place, and saying whether it is there: what ``patch()`` and the import hook do."""
