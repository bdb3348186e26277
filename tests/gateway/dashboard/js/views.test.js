import assert from "node:assert/strict";
import { test } from "node:test";

import { points, roundUp } from "./js/chart.js";
import { waitBefore } from "./js/stream.js";
import { acceptedSentence, personName } from "./js/views/forms.js";
import { carrierDetails, linkState, timeOfDay } from "./js/views/live.js";
import { words } from "./js/views/story.js";
import { worldTime } from "./js/world.js";

test("axes end at round numbers", () => {
  assert.deepEqual([0, 1, 2, 3, 7, 11, 49, 50, 51, 1999].map(roundUp), [1, 1, 2, 5, 10, 20, 50, 50, 100, 2000]);
});

test("points stay within the picture", () => {
  const pairs = points([0, 5, 10, 99], 10).split(" ").map((pair) => pair.split(",").map(Number));
  assert.equal(pairs.length, 4);
  for (const [x, y] of pairs) assert.ok(x >= 0 && x <= 600 && y >= 0 && y <= 120, `${x},${y}`);
  assert.ok(pairs[0][1] > pairs[1][1]);
});

test("202 in a sentence", () => {
  const message = { state: "queued", carrier: "att", segments: 2, encoding: "ucs2" };
  assert.equal(acceptedSentence(message), "queued through att, 2 parts, ucs2");
});

test("people by name and number", () => {
  assert.equal(personName({ id: "a", firstName: "Alice", lastName: "Archer", number: "+1" }), "Alice Archer · +1");
  assert.equal(personName({ id: "frank" }), "frank");
});

test("a carrier's link in words", () => {
  assert.deepEqual(linkState({ state: "bound" }), { text: "bound", tone: "good" });
  assert.deepEqual(linkState({ binds: [{}, {}], state: "unbound" }), { text: "2 binds", tone: "good" });
  assert.deepEqual(linkState({ binds: [{}] }), { text: "1 bind", tone: "good" });
  assert.deepEqual(linkState({ binds: [] }), { text: "no bind", tone: "bad" });
  assert.equal(linkState({}).tone, "wait");
});

test("what else is said of a carrier", () => {
  assert.equal(carrierDetails({}), "");
  const carrier = { country: "US", profile: "healthy", faults: [{}, {}], waiting: 1234 };
  assert.equal(carrierDetails(carrier), "US · healthy · 2 faults · 1,234 waiting");
});

test("odd moments are blank, names are words", () => {
  assert.equal(timeOfDay("never"), "");
  assert.equal(words("releaseAt"), "release at");
  assert.ok(waitBefore(0) >= 500);
});

test("world time runs at its speed and stands when frozen", () => {
  const now = "2026-03-01T12:00:00.000Z";
  assert.equal(worldTime({ now, mode: "scaled", speed: 60 }, 1000) - Date.parse(now), 60_000);
  assert.equal(worldTime({ now, mode: "frozen", speed: 60 }, 1000), Date.parse(now));
});
