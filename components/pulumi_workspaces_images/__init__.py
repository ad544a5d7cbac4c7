"""Amazon WorkSpaces image shares as Pulumi resources."""

from .image_share import ImageShare

__all__ = ["ImageShare"]
