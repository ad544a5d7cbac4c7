"""The accounts and the Region of the demo, the tests and the benchmark."""

OWNER = "111111111111"  # of the images
SALES = "222222222222"
LEGAL = "333333333333"
REGION = "us-east-1"
