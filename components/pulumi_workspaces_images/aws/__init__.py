"""What AWS can do and knows. Neither pulumi nor grpc in here."""
