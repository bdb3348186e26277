"""Modes, announcements, tones, keys and streams of recorded calls (webex.md D)."""

from siprec.calling.decisions.model import UNRECORDED, Case, Decision, Talk, person

VOICEMAIL = ("calling.mailboxes=[dave]", "calling.ring_seconds=0.3")
TONES = ("recording.repeat_tone_seconds=[1, 90]",)

CALLS = (
    Decision(
        "D1",
        "Modes: On demand, Always, Always with pause/resume, Never (the default).",
        (
            Case(
                "Always: every call, no key to press.",
                (person("alice", mode="always"),),
                expect={"recordings": 1, "softkeys": ()},
            ),
            Case(
                "Always, incoming as well.",
                (person("alice", mode="always"),),
                (Talk("patient", "+12025550100"),),
                expect={"recordings": 1, "person": "alice"},
            ),
            Case(
                "Always with pause/resume: what is said while paused is not in it.",
                talks=(Talk(keys=("PauseRec", "ResumeRec")),),
                expect={"recordings": 1, "pauses": 1, "softkeys": ("PauseRec",)},
            ),
            Case(
                "On demand: from Record to StopRec, and again in the same call.",
                (person("alice", mode="on_demand"),),
                (Talk(keys=("Record", "StopRec", "Record")),),
                expect={"recordings": 2, "softkeys": ("PauseRec", "StopRec")},
            ),
        ),
        (
            Case(
                "Never: nothing.",
                (person("alice", mode="never"),),
                UNRECORDED,
                expect={"recordings": 0, "softkeys": (), "icon": "none"},
            ),
            Case(
                "On demand, and nobody presses Record: nothing.",
                (person("alice", mode="on_demand"),),
                UNRECORDED,
                expect={"recordings": 0, "softkeys": ("Record",), "icon": "none"},
            ),
        ),
    ),
    Decision(
        "D2",
        "Record voicemail: optional; voice mailbox messages are recorded too.",
        (
            Case(
                "On: the message somebody leaves for dave is recorded.",
                (person("dave", recordVoicemail=True),),
                (Talk("patient", "+12025550103", seconds=3.2),),
                overrides=VOICEMAIL,
                expect={"recordings": 1, "person": "dave", "played": ("voicemail-greeting",)},
            ),
        ),
        (
            Case(
                "Off: it is not.",
                (person("dave", recordVoicemail=False),),
                (Talk("patient", "+12025550103", recorded=False, seconds=1.5),),
                overrides=VOICEMAIL,
                expect={"recordings": 0, "voicemail": True},
            ),
        ),
    ),
    Decision(
        "D3",
        "Start/stop announcement: optional; played to every party, and not in the recording.",
        (
            Case(
                "On: heard by all, told to the provider, not recorded.",
                (person("alice", announceStartStop=True),),
                expect={
                    "recordings": 1,
                    "played": ("recording-started",),
                    "told": ("start announcement",),
                    "unrecorded": ("recording-started",),
                },
            ),
            Case(
                "On, and recording is stopped by key: so is its end.",
                (person("alice", mode="on_demand", announceStartStop=True),),
                (Talk(keys=("Record", "StopRec"), recorded=False, seconds=2.2),),
                expect={
                    "recordings": 1,
                    "played": ("recording-started", "recording-stopped"),
                    "told": ("start announcement", "stop announcement"),
                },
            ),
        ),
        (
            Case(
                "Off: no announcement.",
                (person("alice", announceStartStop=False),),
                expect={"recordings": 1, "unplayed": ("recording-started",), "told": ()},
            ),
        ),
    ),
    Decision(
        "D4",
        "The provider is told of each announcement at start, stop, pause and resume, in SIPREC metadata.",
        (
            Case(
                "Start, pause and resume are announced: the metadata tells all three, at their moments.",
                (person("alice", announceStartStop=True, pauseNotice="announcement"),),
                (Talk(keys=("PauseRec", "ResumeRec")),),
                expect={
                    "recordings": 1,
                    "told": ("start announcement", "pause announcement", "resume announcement"),
                },
            ),
        ),
        (
            Case(
                "Pause and resume beep: a beep is no announcement, nothing is told.",
                (person("alice", pauseNotice="beep"),),
                (Talk(keys=("PauseRec", "ResumeRec")),),
                expect={"recordings": 1, "told": (), "played": ("beep",)},
            ),
        ),
    ),
    Decision(
        "D5",
        "Pause/resume notification: none, a beep, or an announcement.",
        (
            Case(
                "Announcement: “paused” and “resumed” are heard, and not recorded.",
                (person("alice", pauseNotice="announcement"),),
                (Talk(keys=("PauseRec", "ResumeRec"), seconds=2.5),),
                expect={
                    "recordings": 1,
                    "played": ("recording-paused", "recording-resumed"),
                    "unplayed": ("beep",),
                    "unrecorded": ("recording-paused", "recording-resumed"),
                },
            ),
            Case(
                "Beep: a beep is heard.",
                (person("alice", pauseNotice="beep"),),
                (Talk(keys=("PauseRec",)),),
                expect={"recordings": 1, "played": ("beep",), "unplayed": ("recording-paused",)},
            ),
        ),
        (
            Case(
                "None: nothing is heard.",
                (person("alice", pauseNotice="none"),),
                (Talk(keys=("PauseRec", "ResumeRec")),),
                expect={"recordings": 1, "pauses": 1, "unplayed": ("beep", "recording-paused")},
            ),
        ),
    ),
    Decision(
        "D6",
        "Repeat tone: reminds every party; every 20 s by default, 10–90 s configurable.",
        (
            Case(
                "On, each second here: the tone is heard, and not recorded.",
                (person("alice", repeatTone=True, repeatToneSeconds=1),),
                (Talk(seconds=1.6),),
                overrides=TONES,
                expect={"recordings": 1, "played": ("tone",), "unrecorded": ("tone",)},
            ),
            Case(
                "On, and nothing said of the interval: 20 seconds.",
                (person("alice", repeatTone=True),),
                expect={
                    "recordings": 1,
                    "settings": {"alice": {"repeatTone": True, "repeatToneSeconds": 20}},
                },
            ),
        ),
        (
            Case(
                "Off: no tone. Five seconds are refused.",
                (
                    person(
                        "alice",
                        status=422,
                        code="repeat_tone_out_of_range",
                        repeatTone=True,
                        repeatToneSeconds=5,
                    ),
                ),
                (Talk(seconds=1.6),),
                expect={"recordings": 1, "unplayed": ("tone",)},
            ),
        ),
    ),
    Decision(
        "D7",
        "MPP phones and the Webex App show an icon while a call is recorded.",
        (
            Case(
                "alice's desk phone and bob's Webex App show it.",
                talks=(Talk(to="+12025550101"),),
                expect={"recordings": 1, "icons": {"alice": "recording", "bob": "recording"}},
            ),
        ),
        (
            Case(
                "A phone outside does not; nor does anyone in a call that is not recorded.",
                expect={"recordings": 1, "icons": {"alice": "recording", "patient": "none"}},
            ),
            Case(
                "Nobody is recorded: no icon.",
                (person("alice", mode="never"),),
                (Talk(to="+12025550101", recorded=False),),
                expect={"recordings": 0, "icons": {"alice": "none", "bob": "none"}},
            ),
        ),
    ),
    Decision(
        "D8",
        "On-demand users get Record; on-demand and always-with-pause users PauseRec and ResumeRec.",
        (
            Case(
                "Always with pause/resume: PauseRec, and once pressed ResumeRec.",
                talks=(Talk(keys=("PauseRec",)),),
                expect={"recordings": 1, "softkeys": ("ResumeRec",), "icon": "paused"},
            ),
            Case(
                "On demand: Record, then PauseRec and StopRec.",
                (person("alice", mode="on_demand"),),
                (Talk(keys=("Record",)),),
                expect={"recordings": 1, "softkeys": ("PauseRec", "StopRec")},
            ),
        ),
        (
            Case(
                "Always: no key.",
                (person("alice", mode="always"),),
                expect={"recordings": 1, "softkeys": (), "icon": "recording"},
            ),
        ),
    ),
    Decision(
        "D9",
        "Two streams, one per direction, go to the provider while recording.",
        (Case("Both parties speak, each in a stream of its own.", expect={"recordings": 1, "voices": 2}),),
        (
            Case(
                "While nobody records, no stream goes anywhere.",
                (person("alice", mode="on_demand"),),
                UNRECORDED,
                expect={"recordings": 0, "sessions": 0},
            ),
        ),
    ),
    Decision(
        "D10",
        "ICE and recording each delay the start of a call a little; together the delay is noticeable.",
        (
            Case(
                "Recording alone: 160 ms (modelled).",
                expect={"recordings": 1, "delay_ms": 160},
            ),
            Case(
                "ICE alone: 120 ms.",
                (person("alice", mode="never"),),
                UNRECORDED,
                overrides=("calling.media_optimized=[alice]",),
                expect={"recordings": 0, "delay_ms": 120},
            ),
            Case(
                "Both: 600 ms, more than their sum.",
                overrides=("calling.media_optimized=[alice]",),
                expect={"recordings": 1, "delay_ms": 600},
            ),
        ),
        (
            Case(
                "Neither: audio passes at once.",
                (person("alice", mode="never"),),
                UNRECORDED,
                expect={"recordings": 0, "delay_ms": 0},
            ),
        ),
    ),
)
