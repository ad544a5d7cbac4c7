"""Tools that run this project on a machine without AWS and without Pulumi."""
