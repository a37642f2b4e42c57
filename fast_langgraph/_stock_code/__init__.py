"""Recognises stock's code: the releases, methods and message classes that Rust may stand in for."""
