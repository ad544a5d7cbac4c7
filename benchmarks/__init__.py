"""`make bench`: compare the project's resources with other ways to share images, on a real engine."""
