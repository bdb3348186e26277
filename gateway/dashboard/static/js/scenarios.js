// Small scenarios, played with the same requests a person makes: place a call, press softkeys, hang up.

const STEP_MS = 200;
const PATIENCE_MS = 15_000;

/** Each step waits until the softkey is shown, presses it, and talks on for `seconds`. */
export const SCENARIOS = [
  {
    name: "always", title: "Always recorded, with a pause", from: "alice", to: "+13105550120",
    about: "Alice calls out. Her calls are always recorded: she pauses, resumes, hangs up. Parties hear each announcement.",
    steps: [{ talk: 2 }, { press: "PauseRec" }, { talk: 2 }, { press: "ResumeRec" }, { talk: 2 }, { press: "EndCall" }],
  },
  {
    name: "on-demand", title: "Recorded on demand", from: "carol", to: "+13105550120",
    about: "Carol presses Record in the middle of the call, then stops it and talks on unrecorded.",
    steps: [{ talk: 1.5 }, { press: "Record" }, { talk: 3 }, { press: "StopRec" }, { talk: 1 }, { press: "EndCall" }],
  },
  {
    name: "hold", title: "Hold and resume", from: "dave", to: "+13105550120",
    about: "Dave’s calls go to Imagicle by his location’s override. He puts the other side on hold and comes back.",
    steps: [{ talk: 2 }, { press: "Hold" }, { talk: 1.5 }, { press: "Resume" }, { talk: 2 }, { press: "EndCall" }],
  },
  {
    name: "never", title: "Never recorded", from: "bob", to: "+13105550120",
    about: "Bob’s calls are not recorded: no icon, no recording softkeys, nothing filed.",
    steps: [{ talk: 2 }, { press: "EndCall" }],
  },
];

const rest = (ms, signal) =>
  new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, ms);
    signal?.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(new DOMException("left", "AbortError"));
    });
  });

/** Plays a scenario to its end; `note(text, tone)` tells each step. Rejects where a key never shows. */
export async function play(scenario, { api, signal, note, opened = () => {}, wait = rest, patienceMs = PATIENCE_MS }) {
  const call = await api.post("/v1/calls", { from: scenario.from, to: scenario.to });
  opened(call.id);
  note(`${scenario.from} calls ${scenario.to}`, "busy");
  for (const step of scenario.steps) {
    if (step.talk) {
      note(`talking for ${step.talk} s`, "");
      await wait(step.talk * 1000, signal);
    } else {
      const phone = await shown(step.press, call.id, { api, signal, wait, patienceMs });
      await api.post(`/v1/phones/${encodeURIComponent(phone.id)}/softkeys`, { key: step.press, callId: call.id });
      note(`${phone.name} presses ${step.press}`, "other");
    }
  }
  return call;
}

/** The phone that shows this softkey for this call, as soon as one does. */
async function shown(key, callId, { api, signal, wait, patienceMs }) {
  for (let waited = 0; waited <= patienceMs; waited += STEP_MS) {
    const phones = await api.all("/v1/phones", 200, signal);
    const offering = phones.find((phone) => phone.calls.some((each) => each.callId === callId && each.outgoing && each.softkeys.includes(key)));
    if (offering) return offering;
    await wait(STEP_MS, signal);
  }
  throw new Error(`No phone has shown ${key} within ${patienceMs / 1000} s.`);
}
