"""Other ways to share images, written for the comparison."""
