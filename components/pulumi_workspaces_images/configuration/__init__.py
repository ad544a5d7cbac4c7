"""The stack configuration as typed values. Neither pulumi nor botocore in here."""
