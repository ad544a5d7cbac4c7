"""What happens to a resource: it runs in the provider process, or for the program that asks the same."""
