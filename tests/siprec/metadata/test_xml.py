"""XML hardened for reading, and written so that it means the same."""

import time
from xml.etree.ElementTree import tostring

import pytest
from hypothesis import given
from hypothesis import strategies as st

from siprec.metadata import xml
from siprec.metadata.errors import MetadataError, XmlRefusedError

LAUGHS = (
    b'<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY lol "lol">'
    + b"".join(b'<!ENTITY lol%d "%s">' % (n + 1, b"&lol%d;" % n * 10) for n in range(9))
    + b"]><lolz>&lol9;</lolz>"
)


@pytest.mark.parametrize(
    "data",
    [
        LAUGHS,
        b'<!DOCTYPE r SYSTEM "file:///etc/passwd"><r/>',
        b'<r><!ENTITY x "y"></r>',
        "<!DOCTYPE r><r/>".encode("utf-16"),
        b'<?xml version="1.0" encoding="cp037"?>' + "<!DOCTYPE r><r/>".encode("cp037"),
        b'<?xml version="1.0" encoding="utf-7"?>+ADwAIQ-DOCTYPE r><r/>',
        b"<r>" + b"x" * xml.MAX_XML_BYTES + b"</r>",
        b"<r>" * 17 + b"</r>" * 17,
        b"<r>" + b"<a/>" * xml.MAX_XML_ELEMENTS + b"</r>",
        b"<r>",
        b"",
        b"\0",
        b"\xff\xfe<r/>",
        b"<r>&undefined;</r>",
        b"<p:r/>",
        b"<r a='1' a='2'/>",
    ],
)
def test_hostile_and_broken_documents_are_refused_quickly(data):
    started = time.process_time()
    with pytest.raises(XmlRefusedError) as caught:
        xml.read(data)
    assert time.process_time() - started < 1
    assert str(caught.value).startswith("metadata refused: ")
    assert isinstance(caught.value, MetadataError)


@pytest.mark.parametrize(
    "data",
    [
        b"<r>" * 16 + b"</r>" * 16,
        b"<r>" + b"<a/>" * (xml.MAX_XML_ELEMENTS - 1) + b"</r>",
        b"\r\n <?xml version='1.0'?><r/>\0\r\n",
        b"\xef\xbb\xbf<r/>",
        b"<r><!-- a comment --><![CDATA[<x>]]><?pi x?></r>",
    ],
)
def test_what_is_within_the_limits_is_read(data):
    assert xml.read(data).tag == "r"


def test_latin_1_is_read_as_declared():
    root = xml.read('<?xml version="1.0" encoding="ISO-8859-1"?><r>Jos\xe9</r>'.encode("latin-1"))
    assert root.text == "José"


@pytest.mark.parametrize(
    "text",
    [
        '<a xmlns="urn:x" b="1"><c xmlns="">t&lt;x<d xmlns:q="urn:q" q:e="&quot;"/>tail</c></a>',
        '<p:a xmlns:p="urn:x" p:b="1" xml:lang="en"/>',
        "<a>\n <b/>\n</a>",
    ],
)
def test_kept_elements_mean_the_same(text):
    before = xml.read(text.encode())
    for inherited in (None, "urn:x"):
        kept = xml.keep(before, inherited)
        where = f'<w xmlns="{inherited}">{kept}</w>' if inherited else f"<w>{kept}</w>"
        assert tostring(xml.read(where.encode())[0]) == tostring(before)


@given(st.text(), st.text())
def test_property_any_text_is_escaped(text, attribute):
    node = xml.Node("a", (("b", attribute),), (), text)
    root = xml.read(xml.write(node)) if len(text) + len(attribute) < 5_000 else None
    clean = xml._NOT_XML_CHARACTERS
    assert root is not None
    assert (root.text or "") == clean.sub("\ufffd", text)
    assert root.get("b") == clean.sub("\ufffd", attribute)
