"""Stock's code: which releases, methods and message classes are known well enough for Rust to do their work."""
