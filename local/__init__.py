"""What a machine without AWS and without Pulumi needs to run this project."""
