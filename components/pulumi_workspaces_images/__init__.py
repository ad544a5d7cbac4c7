"""Amazon WorkSpaces image shares as Pulumi resources."""

from .resources.explicit_provider import Provider
from .resources.found_images import FoundImage, find_image, find_images
from .resources.image_share import ImageShare
from .resources.image_shares import ImageShares
from .resources.image_shares_exclusive import ImageSharesExclusive

__all__ = ["FoundImage", "ImageShare", "ImageShares", "ImageSharesExclusive", "Provider", "find_image", "find_images"]
