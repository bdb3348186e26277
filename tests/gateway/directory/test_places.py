"""Countries: those that there are."""

import phonenumbers

from gateway.directory.places import COUNTRIES


def test_every_country_with_telephones_is_one() -> None:
    assert len(COUNTRIES) == 249
    others = set(phonenumbers.SUPPORTED_REGIONS) - COUNTRIES
    assert others == {"AC", "TA", "XK"}, "two islands of SH, and Kosovo, which ISO does not know"
