import assert from "node:assert/strict";
import { test } from "node:test";

import { play, SCENARIOS } from "./js/scenarios.js";

/** A service whose phone shows `keys` one after the other. */
function service(keys) {
  const pressed = [];
  const phone = { id: "alice", name: "Alice", calls: [{ callId: "c1", outgoing: true, softkeys: [] }] };
  const api = {
    post: async (path, body) => {
      if (path === "/v1/calls") return { id: "c1" };
      pressed.push([path, body.key, body.callId]);
      return phone;
    },
    all: async () => {
      phone.calls[0].softkeys = keys[pressed.length] ?? [];
      return [{ id: "other", name: "Other", calls: [{ callId: "c2", outgoing: true, softkeys: ["PauseRec"] }] }, phone];
    },
  };
  return { api, pressed };
}

const wait = async () => {};

test("each key is pressed on the phone that shows it for this call", async () => {
  const { api, pressed } = service([["Hold", "PauseRec"], ["ResumeRec"], ["EndCall"]]);
  const notes = [];
  await play(SCENARIOS.find(({ name }) => name === "always"), { api, note: (text) => notes.push(text), wait });
  assert.deepEqual(pressed.map(([, key]) => key), ["PauseRec", "ResumeRec", "EndCall"]);
  assert.ok(pressed.every(([path, , callId]) => path === "/v1/phones/alice/softkeys" && callId === "c1"));
  assert.equal(notes[0], "alice calls +13105550120");
});

test("a key that never shows ends the scenario in words", async () => {
  const { api } = service([[]]);
  const scenario = { from: "alice", to: "bob", steps: [{ press: "Record" }] };
  await assert.rejects(play(scenario, { api, note: () => {}, wait, patienceMs: 1000 }), /No phone has shown Record within 1 s/);
});

test("every scenario ends with somebody hanging up", () => {
  for (const { steps } of SCENARIOS) assert.deepEqual(steps.at(-1), { press: "EndCall" });
});
