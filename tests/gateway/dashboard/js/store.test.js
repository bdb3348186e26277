import assert from "node:assert/strict";
import { test } from "node:test";

import { MAX_MESSAGES, Rate, Store } from "./js/store.js";
import { KINDS } from "./js/tally.js";

const text = (id, more = {}) => ({ id, state: "accepted", from: "+12025550100", to: "+13105550120", text: "hi", ...more });
const event = (data) => ({ data });

test("a text is kept in its newest state, at its first place", () => {
  const store = new Store(() => 0);
  store.take("message.accepted", event(text("a", { updated: "2026-01-01T00:00:01.000Z" })));
  store.take("message.accepted", event(text("b")));
  store.take("message.delivered", event(text("a", { state: "delivered", updated: "2026-01-01T00:00:02.000Z" })));
  store.take("message.submitted", event(text("a", { state: "submitted", updated: "2026-01-01T00:00:01.500Z" })));
  assert.deepEqual([...store.messages.keys()], ["a", "b"]);
  assert.equal(store.messages.get("a").state, "delivered");
});

test("memory is bounded however many texts flow", () => {
  const store = new Store(() => 0);
  for (let n = 0; n < MAX_MESSAGES * 5; n += 1) store.take("message.accepted", event(text(String(n))));
  assert.equal(store.messages.size, MAX_MESSAGES);
  assert.equal(store.tally.totals.accepted, MAX_MESSAGES * 5);
});

test("what was lost on the way still counts", () => {
  const store = new Store(() => 0);
  store.take("stream.lost", event({ count: 7, events: { "message.accepted": 5, "message.delivered": 2 } }));
  assert.equal(store.lost, 7);
  assert.deepEqual([store.tally.totals.accepted, store.rates.accepted.counts.at(-1)], [5, 5]);
});

test("a refused text is counted and never becomes one", () => {
  const store = new Store(() => 0);
  store.take("message.failed", event(text("a", { state: "rejected", code: "spam_blocked" })));
  store.take("message.refused", event({ code: "spam_blocked", blockedBy: "cisco" }));
  assert.equal(store.tally.refusals.get("spam_blocked"), 2);
  assert.equal(store.messages.size, 1);
});

test("every kind has a rate, and the newest come first", () => {
  const store = new Store(() => 0);
  assert.deepEqual(Object.keys(store.rates), KINDS);
  for (const id of ["a", "b", "c"]) store.remember(text(id));
  assert.deepEqual(store.newest(2).map((message) => message.id), ["c", "b"]);
});

test("a rate is the mean of the last five whole seconds", () => {
  const rate = new Rate();
  for (let second = 100; second < 105; second += 1) rate.add(second + 0.5, 10);
  rate.add(105.1, 99);
  assert.equal(rate.perSecond(105.2), 10);
  assert.equal(rate.perSecond(200), 0);
  assert.equal(rate.counts.length, 60);
});

test("time that steps back loses nothing", () => {
  const rate = new Rate();
  rate.add(100, 1);
  rate.add(90, 1);
  assert.equal(rate.counts.reduce((sum, n) => sum + n, 0), 2);
});

test("after a gap the listed texts come first, then what was told since", () => {
  const store = new Store(() => 0);
  store.remember(text("gone", { updated: "2026-11-25T00:00:00.000Z" }));
  store.miss();
  assert.deepEqual([store.tally.gaps, store.messages.size], [1, 0]);
  store.remember(text("new", { updated: "2026-11-22T00:00:03.000Z" }));
  store.remember(text("b", { state: "delivered", updated: "2026-11-22T00:00:02.000Z" }));
  store.renew([text("a"), text("b", { updated: "2026-11-22T00:00:01.000Z" })]);
  assert.deepEqual([...store.messages.keys()], ["a", "b", "new"]);
  assert.equal(store.messages.get("b").state, "delivered");
});
