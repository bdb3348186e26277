"""Whatever phones do, in any order: no call, port or fork outlives its phones."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from siprec import sdp
from siprec.callcontrol.recording import RecordingOptions
from siprec.phones.softkeys import RecordingKeys
from siprec.sip import SipError

from .test_b2bua import CONTROL, HOSTS, Stage

NAMES = tuple(HOSTS)
names = st.sampled_from(NAMES)
actions = st.one_of(
    st.tuples(st.just("call"), names, names),
    st.tuples(st.just("bye"), names, st.integers(0, 3)),
    st.tuples(st.just("hold"), names, st.booleans()),
    st.tuples(st.just("press"), names, st.sampled_from(["on", "pause", "off"])),
    st.tuples(st.just("transfer"), names, names),
    st.tuples(st.just("attended"), names, st.booleans()),
    st.tuples(st.just("answering"), names, st.sampled_from([200, 486, None])),
    st.tuples(st.just("fork"), st.booleans(), st.just(0)),
    st.tuples(st.just("wait"), st.sampled_from([0.02, 0.5, 6.0]), st.just(0)),
)


def do(stage: Stage, action: tuple[Any, Any, Any]) -> None:
    what, who, argument = action
    phone = stage.phones.get(who) if isinstance(who, str) else None
    live = [dialog for dialog in phone.dialogs if not dialog.ended] if phone is not None else []
    now = stage.network.now
    match what:
        case "wait":
            stage.run(who)
        case "fork":
            for user in [each for call in stage.control.calls for each in call.recorded]:
                (stage.control.fork_started if who else stage.control.fork_failed)(user, now)
        case "call":
            phone.invite(argument)
        case "answering":
            phone.answer = argument
        case "bye" if live:
            phone.node.endpoint.bye(live[argument % len(live)], now=now)
        case "hold" if live:
            direction = sdp.Direction.SENDONLY if argument else sdp.Direction.SENDRECV
            body = phone.sdp(direction=direction)
            phone.node.endpoint.send(live[0], "INVITE", body=body, content_type=sdp.CONTENT_TYPE, now=now)
        case "press" if live:
            body = phone.sdp(f"recordpref:{argument}")
            phone.node.endpoint.send(live[0], "INVITE", body=body, content_type=sdp.CONTENT_TYPE, now=now)
        case "transfer" if live:
            target = [("refer-to", f"<sip:{argument}@{CONTROL}>")]
            phone.node.endpoint.send(live[0], "REFER", headers=target, now=now)
        case "attended" if len(live) > 1:
            other = live[1]
            replaces = f"{other.call_id}%3Bto-tag%3D{other.remote_tag}%3Bfrom-tag%3D{other.local_tag}"
            user = "conference" if argument else "someone"
            target = [("refer-to", f"<sip:{user}@{CONTROL}?Replaces={replaces}>")]
            phone.node.endpoint.send(live[0], "REFER", headers=target, now=now)


@settings(max_examples=150, deadline=None)
@given(st.lists(actions, max_size=18))
def test_nothing_outlives_its_phones(script: list[tuple[Any, Any, Any]]) -> None:
    keys = {
        "alice": RecordingKeys.ALWAYS_WITH_PAUSE,
        "bob": RecordingKeys.ON_DEMAND,
        "carol": RecordingKeys.ON_DEMAND_FROM_CONNECT,
    }
    stage = Stage(
        ports=40,
        **{
            name: {
                "options": RecordingOptions(mode, announce_start_stop=name == "bob"),
                "mailbox": name == "bob",
            }
            for name, mode in keys.items()
        },
    )
    for action in script:
        try:
            do(stage, action)
        except SipError:
            continue
        stage.run(0.05)
    stage.run(8)
    for call in stage.control.calls:
        assert len(call.up) >= (1 if call.mailbox else 2)
    for _ in range(3):
        for phone in stage.phones.values():
            for dialog in list(phone.node.endpoint.dialogs):
                phone.node.endpoint.bye(dialog, now=stage.network.now)
        stage.run(8)
    assert stage.nothing_is_left()
    assert not stage.node.endpoint.dialogs
    for fork in stage.world.forks:
        done = [what for what, _ in fork.done]
        assert done.count("stop") <= 1
        if "stop" in done:
            assert done[-1] == "stop"
