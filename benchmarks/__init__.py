"""`make bench`: what the project's resources cost, side by side with the other ways, on a real engine."""
