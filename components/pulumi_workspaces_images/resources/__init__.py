"""What a user's program declares: it runs in the program."""
