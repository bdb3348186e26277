"""What must be true when a scenario is over: checks of phones, mailboxes, recordings and their metadata."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from siprec.callcontrol.prompts import PromptSet
from siprec.callcontrol.server import CallControlServer
from siprec.calling.cast import identifier
from siprec.calling.own_recorder import OwnRecorder, Recorded
from siprec.calling.report import Report
from siprec.calling.timeline import Wanted, misplaced, spans
from siprec.metadata.times import from_ns
from siprec.phones.hearing import Samples, hears_prompt, hears_tone
from siprec.phones.phone_call import PhoneCall
from siprec.phones.scenario import ExpectedRecording, Scenario

LENGTH_TOLERANCE_S = 0.35
PLACE_TOLERANCE_S = 0.2
"""Seconds a voice may be out of place in all: windows at the edge of a change, a lost packet."""


class Checker:
    """Looks at a finished scenario. tones: what each party says, in Hz; calls: of each party's phone."""

    def __init__(
        self,
        scenario: Scenario,
        report: Report,
        calling: CallControlServer,
        tones: Mapping[str, int],
        calls: Mapping[str, Sequence[PhoneCall]],
    ) -> None:
        self._scenario = scenario
        self._note: Callable[..., None] = report.note
        self._report = report
        self._calling = calling
        self._tones = tones
        self._calls = calls
        self._prompts = PromptSet.load()

    def _hears(self, samples: Samples, sound: str) -> bool:
        if sound in self._tones:
            return hears_tone(samples, self._tones[sound])
        return hears_prompt(samples, self._prompts[sound])

    # ── phones ────────────────────────────────────────────────────────────────────────────────────

    def phones(self) -> None:
        """What parties heard and saw, and what mailboxes took."""
        expect = self._scenario.expect
        for wanted, table in ((True, expect.heard), (False, expect.unheard)):
            for name, sounds in table.items():
                heard = [call.heard for call in self._calls[name]]
                for sound in sounds:
                    found = any(self._hears(samples, sound) for samples in heard)
                    verb = "hears" if wanted else "does not hear"
                    self._note(f"{name} {verb} {sound}", found is wanted)
        for name, icons in expect.icons.items():
            shown = [display.icon.value for call in self._calls[name][:1] for display in call.shown]
            changes = [icon for at, icon in enumerate(shown) if not at or shown[at - 1] != icon]
            self._note(f"{name} shows {', '.join(icons)}", changes == list(icons), ", ".join(changes))
        for name, number in expect.messages.items():
            found_messages = sum(message.mailbox == name for message in self._calling.messages)
            self._note(f"{number} messages for {name}", found_messages == number, str(found_messages))

        if expect.delay_ms is not None:
            delays = [int(line.detail) for line in self._report.log if line.what == "delayed"]
            found_ms = delays[0] if delays else 0
            self._note(f"audio begins after {expect.delay_ms} ms", found_ms == expect.delay_ms, str(found_ms))

    # ── recordings ────────────────────────────────────────────────────────────────────────────────

    async def recordings(self, own: OwnRecorder | None) -> None:
        """How many recording sessions there were, and what is in each recording of our own recorder."""
        wanted, forks = self._scenario.expect.recordings, self._calling.forks
        told = str(forks.started)
        if forks.started < len(wanted) and forks.last_failure:
            told += f": {forks.last_failure}"
        sessions = "recording session" if len(wanted) == 1 else "recording sessions"
        self._note(f"{len(wanted)} {sessions}", forks.started == len(wanted), told)
        discarded = sum(not recording.kept for recording in wanted)
        self._note(f"{discarded} not kept", forks.discarded == discarded, str(forks.discarded))
        if own is None:
            self._report.unchecked.append("what is in the recordings: the recorder is not ours")
            return
        recorded = await own.recordings(len(wanted))
        if len(recorded) != len(wanted):
            self._note(f"{len(wanted)} of them sealed", False, str(len(recorded)))
            return
        timelines = self._timelines()
        for expected, found in zip(wanted, recorded, strict=True):
            timeline = timelines[expected.of].pop(0) if timelines.get(expected.of) else None
            await self._recording(expected, found, timeline, own)
        self._announcements(wanted, recorded)

    async def _recording(
        self, expected: ExpectedRecording, found: Recorded, timeline: Wanted | None, own: OwnRecorder
    ) -> None:
        who = f"the recording of {expected.of}"
        gone = await own.is_gone(found)
        if not expected.kept:
            self._note(f"{who} is not kept", gone)
            return
        self._note(f"{who} is {'gone' if expected.expired else 'there'}", gone is expected.expired)
        self._tenant(who, expected, found)
        self._sounds(who, expected, found)
        if timeline is not None:
            self._in_time(who, expected, found, timeline)
        self._metadata(who, expected, found)

    def _tenant(self, who: str, expected: ExpectedRecording, found: Recorded) -> None:
        if self._scenario.network.dialect == "broadworks":
            wanted = identifier(expected.of)
            self._note(f"{who} is under its tenant key", found.identifier == wanted, found.identifier)
        if expected.provider:
            filed = found.provider == expected.provider
            self._note(f"{who} is filed with {expected.provider}", filed, found.provider)

    def _sounds(self, who: str, expected: ExpectedRecording, found: Recorded) -> None:
        if expected.seconds is not None:
            least, most = expected.seconds
            within = least <= found.seconds <= most
            self._note(f"{who} lasts {least:g} to {most:g} s", within, f"{found.seconds:.2f} s")
        streams = zip(("first", "second"), (expected.own, expected.others), found.streams, strict=False)
        for place, voices, samples in streams:
            for voice in voices:
                self._note(f"{voice} is in the {place} stream of {who}", self._hears(samples, voice))
        both = np.concatenate(found.streams) if found.streams else np.zeros(0, dtype=np.int16)
        for sound in expected.contains:
            self._note(f"{sound} is in {who}", self._hears(both, sound))
        for sound in expected.lacks:
            self._note(f"{sound} is not in {who}", not self._hears(both, sound))

    # ── timeline ──────────────────────────────────────────────────────────────────────────────────

    def _timelines(self) -> dict[str, list[Wanted]]:
        """What must be in each recording of each user, in the order in which they began."""
        control, domain = self._calling.control, self._calling.settings.domain
        logs = {call.id: call.log for call in (*control.finished, *control.calls)}
        names = {f"sip:{party.number}@{domain}": name for name, party in self._scenario.parties.items()}
        users = {line.who for log in logs.values() for line in log if line.what == "recording"}
        return {user: spans(logs, user, names) for user in users}

    def _in_time(self, who: str, expected: ExpectedRecording, found: Recorded, wanted: Wanted) -> None:
        off = found.seconds - wanted.seconds
        self._note(f"{who} is as long as was recorded", abs(off) <= LENGTH_TOLERANCE_S, f"{off:+.2f} s off")
        for place, samples in zip(("first", "second"), found.streams, strict=False):
            for name, tone_hz in self._tones.items():
                mine = name == expected.of
                here = wanted.voices.get(name, []) if mine is (place == "first") else []
                missing, surplus = misplaced(samples, tone_hz, here)
                if here or missing or surplus:
                    self._note(
                        f"{name} is in the {place} stream of {who} when it must be, and only then",
                        missing + surplus <= PLACE_TOLERANCE_S,
                        f"{missing:.1f} s missing, {surplus:.1f} s too much",
                    )

    # ── metadata ──────────────────────────────────────────────────────────────────────────────────

    def _metadata(self, who: str, expected: ExpectedRecording, found: Recorded) -> None:
        paused = found.pauses == expected.pauses
        self._note(f"{who} is paused {expected.pauses} times", paused, str(found.pauses))
        self._note(
            f"{who} tells of {', '.join(expected.announcements) or 'no announcement'}",
            found.announcements == expected.announcements,
            ", ".join(found.announcements),
        )
        for name in expected.participants:
            number = self._scenario.parties[name].number
            self._note(f"the metadata of {who} names {name}", number in found.history)

    def _announcements(self, wanted: Sequence[ExpectedRecording], recorded: Sequence[Recorded]) -> None:
        """The metadata lists every announcement at the moment the call control logged, and no other (D4)."""
        for name in dict.fromkeys(each.of for each in wanted):
            logged = sorted(
                from_ns(int(line.detail.split()[-1]))
                for line in self._report.log
                if line.what == "told" and line.who == name
            )
            told = sorted(
                at
                for each, found in zip(wanted, recorded, strict=True)
                if each.of == name
                for at in found.announced_at
            )
            if logged or told:
                self._note(
                    f"the metadata about {name} tells each announcement when it was logged",
                    told == logged,
                    ", ".join(told),
                )
