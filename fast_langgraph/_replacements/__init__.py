"""The functions that ``patch()`` puts in place of stock's methods, and the checks that they make first."""
