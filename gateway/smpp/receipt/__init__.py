"""Delivery receipts, read and written in every notation met in the field (SMPP 3.4 appendix B, §5.3.2.9, .12,
.31).

The text form is a convention, not a standard: `id:I sub:001 dlvrd:001 submit date:YYMMDDhhmm done
date:YYMMDDhhmm stat:DELIVRD err:000 text:…`. The reader takes any order, case, omission and width; the writer
produces what a `ReceiptNotation` describes.
"""

from gateway.smpp.receipt.ids import canonical_id, id_candidates
from gateway.smpp.receipt.model import (
    ESM_INTERMEDIATE,
    ESM_RECEIPT,
    STAT_WORDS,
    NotAReceipt,
    Receipt,
    is_receipt,
)
from gateway.smpp.receipt.reading import error_codes, read_receipt
from gateway.smpp.receipt.writing import IdNotation, ReceiptNotation, WrittenReceipt, write_id, write_receipt

__all__ = [
    "ESM_INTERMEDIATE",
    "ESM_RECEIPT",
    "STAT_WORDS",
    "IdNotation",
    "NotAReceipt",
    "Receipt",
    "ReceiptNotation",
    "WrittenReceipt",
    "canonical_id",
    "error_codes",
    "id_candidates",
    "is_receipt",
    "read_receipt",
    "write_id",
    "write_receipt",
]
