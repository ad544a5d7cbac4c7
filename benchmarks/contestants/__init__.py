"""The other ways to have shares, written for the comparison."""
