import assert from "node:assert/strict";
import { mock, test } from "node:test";

import { EVENT_NAMES, Stream, waitBefore } from "./js/stream.js";

class FakeSource {
  constructor(url) {
    this.url = new URL(url, "http://localhost");
    this.listeners = new Map();
    this.closed = false;
  }
  addEventListener(name, listener) {
    this.listeners.set(name, listener);
  }
  close() {
    this.closed = true;
  }
  emit(name, lastEventId, document) {
    this.listeners.get(name)({ lastEventId, data: JSON.stringify(document) });
  }
}

function setUp(ticket) {
  const sources = [];
  const events = [];
  const states = [];
  const waits = [];
  const stream = new Stream(
    { ticket },
    (name, document) => events.push([name, document]),
    (state, _words, waitMs) => {
      states.push(state);
      if (waitMs) waits.push(waitMs);
    },
    (url) => {
      const source = new FakeSource(url);
      sources.push(source);
      return source;
    },
  );
  return { stream, sources, events, states, waits };
}

test("it opens with a ticket and hands out events", async () => {
  const { stream, sources, events, states } = setUp(async () => "t1");
  stream.start();
  await Promise.resolve().then(() => {});
  await new Promise(setImmediate);
  assert.equal(sources[0].url.searchParams.get("ticket"), "t1");
  assert.equal(sources[0].url.searchParams.get("lastEventId"), null);
  sources[0].onopen();
  sources[0].emit("message.accepted", "b-1", { data: { id: "a" } });
  assert.deepEqual(events, [["message.accepted", { data: { id: "a" } }]]);
  assert.deepEqual(states, ["wait", "on"]);
  assert.deepEqual([...sources[0].listeners.keys()].sort(), [...EVENT_NAMES].sort());
});

test("after a break it takes a new ticket and resumes after the last event", async (t) => {
  mock.timers.enable({ apis: ["setTimeout"] });
  t.after(() => mock.timers.reset());
  let tickets = 0;
  const { stream, sources, states, waits } = setUp(async () => `t${(tickets += 1)}`);
  stream.start();
  await new Promise(setImmediate);
  sources[0].emit("message.accepted", "b-9", { data: {} });
  sources[0].onerror();
  assert.ok(sources[0].closed);
  assert.equal(states.at(-1), "wait");
  assert.ok(waits.length === 1 && waits[0] >= 500 && waits[0] <= 650, String(waits));
  mock.timers.tick(1000);
  await new Promise(setImmediate);
  assert.equal(sources.length, 2);
  assert.equal(sources[1].url.searchParams.get("ticket"), "t2");
  assert.equal(sources[1].url.searchParams.get("lastEventId"), "b-9");
});

test("a refused token ends the trying", async () => {
  const { stream, sources, states } = setUp(async () => {
    throw Object.assign(new Error("no"), { status: 401 });
  });
  stream.start();
  await new Promise(setImmediate);
  assert.equal(sources.length, 0);
  assert.equal(states.at(-1), "bad");
});

test("stopping closes and never reopens", async (t) => {
  mock.timers.enable({ apis: ["setTimeout"] });
  t.after(() => mock.timers.reset());
  const { stream, sources } = setUp(async () => "t");
  stream.start();
  await new Promise(setImmediate);
  stream.stop();
  sources[0].onerror();
  mock.timers.tick(60_000);
  await new Promise(setImmediate);
  assert.ok(sources[0].closed);
  assert.equal(sources.length, 1);
});

test("patience grows to a bound", () => {
  const waits = [0, 1, 2, 3, 10, 100].map((attempt) => waitBefore(attempt, () => 0));
  assert.deepEqual(waits, [500, 1000, 2000, 4000, 15000, 15000]);
  assert.equal(waitBefore(100, () => 1), 19500);
});
