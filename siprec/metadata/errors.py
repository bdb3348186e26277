"""What may go wrong with recording metadata.

::

    MetadataError
    ├── XmlRefusedError      the document breaks a limit, carries a DTD, or is not well-formed
    └── NotMetadataError     well-formed, but its root is neither dialect's
"""


class MetadataError(ValueError):
    """Root of the errors of `siprec.metadata`."""


class XmlRefusedError(MetadataError):
    """The document is not parsed: `reason` says which rule it breaks."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason

    def __str__(self) -> str:
        return f"metadata refused: {self.reason}"


class NotMetadataError(MetadataError):
    """The root element belongs to no dialect we know."""

    def __init__(self, root: str) -> None:
        super().__init__(root)
        self.root = root

    def __str__(self) -> str:
        return f"not recording metadata: root element {self.root[:80]!r}"
