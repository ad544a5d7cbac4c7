"""Requests to AWS. Nothing in here imports pulumi or grpc."""
