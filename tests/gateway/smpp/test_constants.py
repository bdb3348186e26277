"""Names of statuses and commands."""

import pytest

from gateway.smpp.constants import CommandId, CommandStatus, command_name, status_name


@pytest.mark.parametrize(
    ("status", "name"),
    [
        (0, "ESME_ROK"),
        (0x58, "ESME_RTHROTTLED"),
        (0x14, "ESME_RMSGQFUL"),
        (0x45, "ESME_RSUBMITFAIL"),
        (0x400, "vendor_0x0400"),
        (0x4FF, "vendor_0x04FF"),
        (0x500, "reserved_0x0500"),
        (0x09, "reserved_0x0009"),
    ],
)
def test_every_status_has_a_name(status: int, name: str) -> None:
    assert status_name(status) == name


def test_commands_have_names() -> None:
    assert command_name(CommandId.SUBMIT_SM_RESP) == "submit_sm_resp"
    assert command_name(0x0BAD) == "unknown_0x00000BAD"


def test_members_are_plain_numbers() -> None:
    assert {CommandStatus.RTHROTTLED: 1}[0x58] == 1  # type: ignore[index]
