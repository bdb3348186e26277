"""What a recording client reads out of answers."""

import pytest

from siprec.phones.forking import reason_of
from siprec.sip import Response
from siprec.sip.headers import Headers


@pytest.mark.parametrize(
    ("warning", "told"),
    [
        (None, "Not Acceptable Here"),
        ('304 siprec "no codec in common"', "Not Acceptable Here (no codec in common)"),
        ("305 sbc", "Not Acceptable Here"),
        ('305 sbc "', "Not Acceptable Here"),
    ],
)
def test_why_a_server_refused_is_its_phrase_and_its_warning(warning, told):
    headers = Headers.of([] if warning is None else [("warning", warning)])
    assert reason_of(Response(headers, status=488, reason="Not Acceptable Here")) == told
