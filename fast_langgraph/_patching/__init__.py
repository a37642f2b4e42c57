"""Replaces the methods of stock's classes and reports their state: what ``patch()`` and the import hook do."""
