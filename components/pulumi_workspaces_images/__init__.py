"""Amazon WorkSpaces image shares as Pulumi resources."""

from .find_images import FoundImage, find_images
from .image_share import ImageShare
from .image_shares import ImageShares
from .image_shares_exclusive import ImageSharesExclusive

__all__ = ["FoundImage", "ImageShare", "ImageShares", "ImageSharesExclusive", "find_images"]
