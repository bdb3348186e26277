import assert from "node:assert/strict";
import { test } from "node:test";

import { points, roundUp } from "./js/charts.js";
import { laneBetween, pointOn } from "./js/flow.js";
import { marksOf, pausesAreCut, spanOf } from "./js/player.js";
import { address, parse } from "./js/router.js";
import { described, endingOf, gap, grouped, receiptFields } from "./js/story.js";
import { bindState } from "./js/views/live.js";
import { indented, partiesOf } from "./js/views/recordings.js";
import { waitBefore } from "./js/stream.js";
import { pace, World, worldTime } from "./js/world.js";

test("axes end at round numbers", () => {
  assert.deepEqual([0, 1, 2, 3, 7, 11, 49, 50, 51, 1999].map(roundUp), [1, 1, 2, 5, 10, 20, 50, 50, 100, 2000]);
});

test("points stay within the picture", () => {
  const pairs = points([0, 5, 10, 99], 10).split(" ").map((pair) => pair.split(",").map(Number));
  assert.equal(pairs.length, 4);
  for (const [x, y] of pairs) assert.ok(x >= 0 && x <= 240 && y >= 0 && y <= 48, `${x},${y}`);
  assert.ok(pairs[0][1] > pairs[1][1]);
});

test("lanes lead from box to box, sideways or downwards", () => {
  const from = { left: 0, right: 100, top: 0, bottom: 40 };
  const beside = laneBetween(from, { left: 300, right: 400, top: 100, bottom: 120 }, false);
  assert.deepEqual([beside[0], beside[1], beside[6], beside[7]], [100, 20, 300, 110]);
  assert.deepEqual(pointOn(beside, 0), [100, 20]);
  assert.deepEqual(pointOn(beside, 1), [300, 110]);
  const below = laneBetween(from, { left: 30, right: 200, top: 90, bottom: 110 }, true);
  assert.deepEqual([below[1], below[6], below[7]], [40, 30, 100]);
  assert.equal(laneBetween(from, { left: 0, right: 100, top: 60, bottom: 90 }, true)[7], 60);
});

test("places have addresses that come back as they went", () => {
  for (const [view, id, query] of [["live", "", {}], ["messages", "a/b ?#", { state: "delivered", number: "+1 310" }]]) {
    assert.deepEqual(parse(address(view, id, query)), { view, id, query });
  }
  assert.deepEqual(parse(""), { view: "live", id: "", query: {} });
  assert.deepEqual(parse("#/messages/%zz"), { view: "messages", id: "", query: {} });
  assert.equal(address("messages", "", { state: "" }), "#/messages");
});

test("a receipt's fields are read in their order", () => {
  const text = "id:77 sub:001 dlvrd:001 submit date:2611220125 done date:2611220126 stat:DELIVRD err:000 text:stat:x";
  assert.deepEqual(receiptFields(text).map(([name]) => name), ["id", "sub", "dlvrd", "submit date", "done date", "stat", "err"]);
  assert.deepEqual(receiptFields("nothing"), []);
});

test("fields are described by what their bits say", () => {
  assert.equal(described("esm_class", 0x44), "0x44 (delivery receipt, UDHI)");
  assert.equal(described("data_coding", 8), "8 (UCS-2)");
  assert.equal(described("short_message", "68690a"), "3 octets");
  assert.equal(described("service_type", ""), "empty");
  assert.equal(described("source_addr_ton", 1), "1");
});

test("octets stand twelve to a line", () => {
  const lines = grouped("00".repeat(20)).split("\n");
  assert.equal(lines.length, 2);
  assert.equal(lines[1], "000c  00 00 00 00 00 00 00 00");
  assert.equal(grouped(""), "");
});

test("gaps between moments are written as they are long", () => {
  assert.equal(gap(4), "4 ms");
  assert.equal(gap(1500), "1.5 s");
});

test("what happened to a recording is on its timeline, in order", () => {
  const details = {
    streams: [{ label: "1", gaps: [{ startMs: 900, endMs: 980, packets: 4 }] }, { label: "2", gaps: [] }],
    pauses: [{ atMs: 500, lengthMs: 2000 }],
    announcements: [{ atMs: 0, kind: "announcement", event: "start", played: true }],
  };
  const cut = marksOf(details, true);
  assert.deepEqual(cut.map(({ kind, from, to, lane }) => [kind, from, to, lane]), [["mark", 0, 0, null], ["pause", 500, 500, null], ["gap", 900, 980, 0]]);
  assert.equal(cut[1].text, "paused for 2.0 s, cut out of the audio");
  assert.equal(marksOf(details)[1].to, 2500);
  assert.deepEqual(marksOf({}), []);
  assert.deepEqual(spanOf({ startMs: 10, endMs: 5 }), [10, 10]);
});

test("pauses that were cut out make the audio shorter than the call", () => {
  const recording = { startedAt: "2026-01-01T00:00:00Z", endedAt: "2026-01-01T00:00:10Z", details: { pauses: [{ atMs: 1000, lengthMs: 3000 }] } };
  assert.equal(pausesAreCut({ ...recording, durationMs: 7000 }), true);
  assert.equal(pausesAreCut({ ...recording, durationMs: 10_000 }), false);
  assert.equal(pausesAreCut({ ...recording, durationMs: 7000, details: null }), false);
});

test("parties are named by their channel's label", () => {
  const details = {
    audio: [{ kind: "party", label: "1" }, { kind: "party", label: "2" }, { kind: "stereo", label: null }],
    parties: [{ labels: ["2"], aor: "sip:+13105550120@pstn.example", names: [{ name: "Pat" }] }],
  };
  assert.deepEqual(partiesOf(details), ["Party 1", "Pat, +1 310 555 0120"]);
});

test("XML is indented by its depth", () => {
  assert.equal(indented("<?xml?><a><b>x</b><c/></a>"), "<?xml?>\n<a>\n  <b>x</b>\n  <c/>\n</a>");
});

test("binds in words and tone", () => {
  assert.deepEqual(bindState({ binds: [{ state: "bound" }, { state: "bound" }] }), { text: "2 bound", tone: "good" });
  assert.deepEqual(bindState({ binds: [{ state: "throttled" }] }), { text: "throttled", tone: "wait" });
  assert.deepEqual(bindState({ binds: [{ state: "waiting" }] }), { text: "waiting", tone: "bad" });
  assert.deepEqual(bindState({ binds: [] }), { text: "no bind", tone: "bad" });
});

test("world time runs at its speed and stands when frozen", async () => {
  const now = "2026-03-01T12:00:00.000Z";
  assert.equal(worldTime({ now, mode: "scaled", speed: 60 }, 1000) - Date.parse(now), 60_000);
  assert.equal(worldTime({ now, mode: "frozen", speed: 60 }, 1000), Date.parse(now));
  assert.deepEqual([pace({ mode: "system", speed: 1 }), pace({ mode: "scaled", speed: 60 }), pace({ mode: "frozen" })], ["", "×60", "frozen"]);
  let ms = 0;
  const world = new World({ get: async () => ({ now, mode: "scaled", speed: 60 }) }, () => ms);
  await world.refresh();
  ms = 1000;
  assert.equal(world.written(), "01 Mar 2026, 12:01:00");
  assert.ok(waitBefore(0) >= 500);
});

test("world time stands while nobody answers, and goes on from what is told then", async () => {
  let answer = async () => ({ now: "2026-03-01T12:00:00.000Z", mode: "system", speed: 1 });
  let ms = 0;
  const world = new World({ get: () => answer() }, () => ms);
  await world.refresh();
  world.hold();
  ms = 60_000;
  answer = async () => { throw new TypeError("nobody"); };
  await world.refresh();
  assert.equal(world.written(), "01 Mar 2026, 12:00:00");
  answer = async () => ({ now: "2026-02-01T08:00:00.000Z", mode: "system", speed: 1 });
  await world.refresh();
  ms = 61_000;
  assert.equal(world.written(), "01 Feb 2026, 08:00:01");
});

test("an ending that no rule stands behind is told in words", () => {
  assert.match(endingOf("carrier_4702"), /receipt .* error 4702/);
  assert.match(endingOf("ESME_RINVDSTADR"), /submit_sm/);
  assert.match(endingOf("receipt_missing"), /never came/);
  assert.equal(endingOf("spam_blocked"), ""); // its rule says so
});
