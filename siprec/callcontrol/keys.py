"""The softkeys of a call as its phone offers them: those of the call, then those of its recording (D8)."""

from siprec.phones.phone_call import CallState, PhoneCall
from siprec.phones.softkeys import Softkey

ANSWER, DECLINE, HOLD, RESUME, TRANSFER, END = "Answer", "Decline", "Hold", "Resume", "Transfer", "EndCall"
CALL_KEYS = (ANSWER, DECLINE, HOLD, RESUME, TRANSFER, END)
"""Labels as MPP phones have them."""
RECORDING_KEYS = tuple(key.value for key in Softkey)


def offered(call: PhoneCall) -> tuple[str, ...]:
    """The labels a phone shows for a call."""
    recording = tuple(key.value for key in call.display.softkeys)
    match call.state:
        case CallState.RINGING:
            return (ANSWER, DECLINE)
        case CallState.CALLING:
            return (END,)
        case CallState.TALKING:
            return (RESUME if call.held else HOLD, TRANSFER, END, *recording)
        case CallState.ENDED:
            return ()


async def press(call: PhoneCall, key: str, target: str | None = None) -> bool:
    """Press a key that is offered; False for one that is not. target: whom a transfer is for.

    Raises CallFailedError where the call control refuses what the key asks for.
    """
    if key not in offered(call) or (key == TRANSFER and target is None):
        return False
    match key:
        case "Answer":
            call.answer()
        case "Decline":
            call.reject()
        case "Hold":
            await call.hold()
        case "Resume":
            await call.unhold()
        case "EndCall":
            await call.hang_up()
        case "Transfer":
            await call.transfer(target or "")
        case _:
            return await call.press(Softkey(key))
    return True
