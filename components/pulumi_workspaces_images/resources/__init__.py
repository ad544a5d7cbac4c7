"""The resources and functions for users' programs. This code runs in the program."""
