import assert from "node:assert/strict";
import { test } from "node:test";

import { Tally } from "./js/tally.js";

const NONE = { accepted: 0, delivered: 0, failed: 0, received: 0, refused: 0, failures: {}, refusals: {} };
const answer = (eventId, counts) => ({ ...NONE, run: eventId.split("-")[0], eventId, ...counts });
const event = (id, data = {}) => ({ id, data });

test("what the stream tells is counted, and so is what it only counted", () => {
  const tally = new Tally();
  tally.take("message.accepted", event("b-1", { id: "a" }));
  tally.take("message.failed", event("b-2", { id: "a", code: "spam_blocked" }));
  tally.take("message.refused", event("b-3", { code: "spam_blocked" }));
  tally.take("stream.lost", event(undefined, { count: 7, events: { "message.accepted": 5, "call.changed": 2 } }));
  tally.take("call.changed", event("b-4"));
  assert.deepEqual(tally.totals, { accepted: 6, delivered: 0, failed: 1, received: 0, refused: 1 });
  assert.deepEqual([...tally.refusals], [["spam_blocked", 2]]);
});

test("the table of codes is bounded", () => {
  const tally = new Tally();
  for (let n = 0; n < 500; n += 1) tally.take("message.refused", event(`b-${n}`, { code: `code${n}` }));
  assert.equal(tally.refusals.size, 51);
  assert.equal(tally.refusals.get("other"), 450);
});

test("after a gap the API's count holds, and events are counted once", async () => {
  const tally = new Tally("m");
  tally.take("message.accepted", event("b-1", { id: "n" }));
  tally.take("message.delivered", event("b-2", { id: "c" })); // a text from before
  tally.miss();
  assert.equal(tally.gaps, 1);
  let settle;
  const counting = tally.recount(() => new Promise((done) => (settle = done)));
  tally.take("message.accepted", event("b-30", { id: "x" }));
  tally.take("message.accepted", event("b-31", { id: "y" }));
  settle(answer("b-30", { accepted: 20, delivered: 18, failed: 1, failures: { expired: 1 } }));
  await counting;
  tally.take("message.delivered", event("b-29", { id: "w" })); // was on its way, and is in the count
  tally.take("message.delivered", event("b-32", { id: "y" }));
  assert.deepEqual(tally.totals, { accepted: 21, delivered: 20, failed: 1, received: 0, refused: 0 });
  assert.deepEqual([...tally.refusals], [["expired", 1]]);
  assert.equal(tally.gaps, 0);
});

test("events of another run of the gateway are not taken for counted ones", async () => {
  const tally = new Tally();
  await tally.recount(async () => answer("b-1000", {}));
  tally.take("message.accepted", event("c-1", { id: "a" }));
  assert.equal(tally.totals.accepted, 1);
});

test("refusals are those since the page was opened, over restarts of the gateway", async () => {
  const tally = new Tally();
  const refused = async (eventId, refusals) => {
    await tally.recount(async () => answer(eventId, { refusals }));
    return Object.fromEntries(tally.refused);
  };
  assert.deepEqual(await refused("b-1", { emoji: 40 }), {}); // from before
  tally.take("message.refused", event("b-2", { code: "emoji" }));
  tally.miss();
  assert.deepEqual(await refused("b-9", { emoji: 43, spam: 1 }), { emoji: 3, spam: 1 });
  tally.miss(); // the gateway went, and came back
  tally.take("message.refused", event("c-1", { code: "spam" }));
  assert.deepEqual(await refused("c-2", { spam: 2 }), { emoji: 3, spam: 3 });
  tally.miss();
  assert.deepEqual(await refused("c-9", { spam: 5 }), { emoji: 3, spam: 6 });
  assert.equal(tally.totals.refused, 9);
});

test("an answer that is overtaken is not taken, and one that never comes leaves the gap", async () => {
  const tally = new Tally();
  tally.miss();
  let settle;
  const slow = tally.recount(() => new Promise((done) => (settle = done)));
  await tally.recount(async () => answer("b-9", { accepted: 9 }));
  settle(answer("b-5", { accepted: 5 }));
  await slow;
  assert.equal(tally.totals.accepted, 9);
  tally.miss();
  await assert.rejects(tally.recount(async () => Promise.reject(new Error("gone"))));
  assert.equal(tally.gaps, 1);
  tally.take("message.accepted", event("b-10", { id: "a" }));
  assert.equal(tally.totals.accepted, 10);
});
