import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";

import { EVENT_NAMES, overEvents, overSocket, Stream, waitBefore } from "./js/stream.js";

const settled = () => new Promise(setImmediate);

/** Stands in for a connection that the test opens, feeds and breaks. */
class FakeSource {
  constructor(form, path, told) {
    Object.assign(this, told);
    this.form = form;
    this.query = new URL(path, "http://localhost").searchParams;
    this.closed = false;
  }
  close() {
    this.closed = true;
  }
}

function setUp(ticket) {
  const sources = [];
  const events = [];
  const states = [];
  const waits = [];
  const open = (form) => (path, told) => {
    sources.push(new FakeSource(form, path, told));
    return sources.at(-1);
  };
  const stream = new Stream(
    { ticket },
    (name, document) => events.push([name, document]),
    (state, _words, waitMs) => {
      states.push(state);
      if (waitMs) waits.push(waitMs);
    },
    [open("socket"), open("events")],
  );
  return { stream, sources, events, states, waits };
}

function numbered() {
  let tickets = 0;
  return async () => `t${(tickets += 1)}`;
}

beforeEach(() => mock.timers.enable({ apis: ["setTimeout"] }));
afterEach(() => mock.timers.reset());

test("it opens a socket with a ticket and hands out events", async () => {
  const { stream, sources, events, states } = setUp(numbered());
  stream.start();
  await settled();
  assert.equal(sources[0].form, "socket");
  assert.equal(sources[0].query.get("ticket"), "t1");
  assert.equal(sources[0].query.get("frameBytes"), "16384");
  assert.equal(sources[0].query.get("lastEventId"), null);
  sources[0].opened();
  const document = { id: "b-1", event: "message.accepted", data: { id: "a" } };
  sources[0].told(document);
  assert.deepEqual(events, [["message.accepted", document]]);
  assert.deepEqual(states, ["wait", "on"]);
  mock.timers.tick(60_000);
  await settled();
  assert.equal(sources.length, 1); // patience ended when it opened
});

test("after a break it takes a new ticket and resumes after the last event", async () => {
  const { stream, sources, states, waits } = setUp(numbered());
  stream.start();
  await settled();
  sources[0].opened();
  sources[0].told({ id: "b-9", event: "message.accepted", data: {} });
  sources[0].told({ event: "stream.lost", data: { count: 1, events: {} } }); // has no place of its own
  sources[0].broken();
  assert.ok(sources[0].closed);
  assert.equal(states.at(-1), "wait");
  assert.ok(waits.length === 1 && waits[0] >= 500 && waits[0] <= 650, String(waits));
  mock.timers.tick(1000);
  await settled();
  assert.deepEqual(sources.map(({ form }) => form), ["socket", "socket"]);
  assert.equal(sources[1].query.get("ticket"), "t2");
  assert.equal(sources[1].query.get("lastEventId"), "b-9");
});

test("where no socket can be had it takes server-sent events, at once and with a ticket of their own", async () => {
  const { stream, sources, states, waits } = setUp(numbered());
  stream.start();
  await settled();
  sources[0].broken();
  await settled();
  assert.deepEqual(sources.map(({ form }) => form), ["socket", "events"]);
  assert.equal(sources[1].query.get("ticket"), "t2");
  sources[1].opened();
  assert.deepEqual([states, waits], [["wait", "on"], []]);
  sources[1].broken();
  mock.timers.tick(1000);
  await settled();
  assert.equal(sources[2].form, "socket"); // the way may be free by now
});

test("a browser that knows no sockets, or forbids them, takes server-sent events", async () => {
  const { stream, sources } = setUp(numbered());
  stream.forms[0] = () => {
    throw new ReferenceError("WebSocket is not defined");
  };
  stream.start();
  await settled();
  await settled();
  assert.deepEqual(sources.map(({ form }) => form), ["events"]);
});

test("a socket that neither opens nor fails is given up", async () => {
  const { stream, sources } = setUp(numbered());
  stream.start();
  await settled();
  mock.timers.tick(10_000);
  await settled();
  assert.ok(sources[0].closed);
  assert.equal(sources[1].form, "events");
  sources[0].opened(); // too late
  assert.equal(stream.source, sources[1]);
});

test("where nothing opens it waits, longer each time", async () => {
  const { stream, sources, waits } = setUp(numbered());
  stream.start();
  for (let n = 0; n < 6; n += 1) {
    await settled();
    sources[n].broken();
    await settled();
    if (n % 2) mock.timers.tick(20_000);
  }
  assert.equal(waits.length, 3);
  assert.ok(waits[0] < 700 && waits[1] >= 1000 && waits[2] >= 2000, String(waits));
});

test("a refused token ends the trying", async () => {
  const { stream, sources, states } = setUp(async () => {
    throw Object.assign(new Error("no"), { status: 401 });
  });
  stream.start();
  await settled();
  assert.equal(sources.length, 0);
  assert.equal(states.at(-1), "bad");
});

test("stopping closes and never reopens", async () => {
  const { stream, sources } = setUp(numbered());
  stream.start();
  await settled();
  stream.stop();
  sources[0].broken();
  mock.timers.tick(60_000);
  await settled();
  assert.ok(sources[0].closed);
  assert.equal(sources.length, 1);
});

test("starting anew while the former connection was opening makes one connection", async () => {
  const { stream, sources } = setUp(numbered());
  stream.start();
  await settled();
  stream.stop();
  stream.start();
  sources[0].broken();
  sources[0].opened();
  await settled();
  assert.equal(sources.length, 2);
  assert.equal(stream.source, sources[1]);
});

test("patience grows to a bound", () => {
  const waits = [0, 1, 2, 3, 10, 100].map((attempt) => waitBefore(attempt, () => 0));
  assert.deepEqual(waits, [500, 1000, 2000, 4000, 15000, 15000]);
  assert.equal(waitBefore(100, () => 1), 19500);
});

test("a socket's messages are documents, over TLS where the page is", (t) => {
  t.after(() => {
    delete globalThis.WebSocket;
    delete globalThis.location;
  });
  globalThis.location = { href: "https://gateway.example/#/live" };
  globalThis.WebSocket = class {
    constructor(url) {
      this.url = url;
    }
  };
  const heard = [];
  const socket = overSocket("/v1/stream?ticket=t", { told: (document) => heard.push(document), opened: () => {}, broken: () => {} });
  assert.equal(socket.url, "wss://gateway.example/v1/stream?ticket=t");
  socket.onmessage({ data: '{"id": "b-1"}' });
  assert.deepEqual(heard, [{ id: "b-1" }]);
});

test("server-sent events are listened to by every name, and closed when they break", (t) => {
  t.after(() => delete globalThis.EventSource);
  const names = [];
  globalThis.EventSource = class {
    addEventListener(name) {
      names.push(name);
    }
    close() {
      this.closed = true;
    }
  };
  let broken = 0;
  const source = overEvents("/v1/stream", { told: () => {}, opened: () => {}, broken: () => (broken += 1) });
  source.onerror();
  assert.deepEqual([names.sort(), source.closed, broken], [[...EVENT_NAMES].sort(), true, 1]);
});
