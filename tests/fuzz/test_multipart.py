"""Noise and near misses raise MultipartError or nothing."""

from hypothesis import given
from hypothesis import strategies as st

from siprec import multipart

PIECES = [
    b"--b\r\n",
    b"--b--",
    b"--b",
    b"--bb\n",
    b"\r\n",
    b"\n",
    b"Content-Type: multipart/mixed;boundary=b\r\n",
    b"Content-Type:a/b\r\n",
    b"Content-Disposition: x;handling=optional\r\n",
    b" folded\r\n",
    b"\r\n\r\n",
    b"body",
    b"--",
    b"\0\xff",
]


def use(content_type: str, body: bytes) -> None:
    try:
        parts = multipart.split(content_type, body)
    except multipart.MultipartError:
        return
    assert len(parts) <= multipart.MAX_PARTS
    assert sum(len(part.body) for part in parts) <= len(body)
    for part in parts:
        assert isinstance((part.content_type, part.disposition, part.is_optional), tuple)


@given(st.text(max_size=60), st.binary(max_size=300))
def test_noise(content_type, body):
    use(content_type, body)
    use("multipart/mixed;" + content_type, body)
    use("multipart/mixed;boundary=" + content_type, body)


@given(st.lists(st.sampled_from(PIECES), max_size=40), st.sampled_from(["b", '"b"', "x", ""]))
def test_pieces_in_any_order(pieces, boundary):
    use(f"multipart/mixed;boundary={boundary}", b"".join(pieces))
