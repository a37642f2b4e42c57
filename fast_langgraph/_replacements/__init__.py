"""The functions that ``patch()`` puts in the place of stock's methods, and what each needs to be sure of."""
