"""The lifecycle of a resource. It runs in the provider process, and parts of it in the program."""
