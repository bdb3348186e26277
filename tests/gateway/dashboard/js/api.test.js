import assert from "node:assert/strict";
import { test } from "node:test";

import { Api, Refused, items } from "./js/api.js";

class Storage {
  #values = new Map();
  getItem = (key) => this.#values.get(key) ?? null;
  setItem = (key, value) => this.#values.set(key, value);
  removeItem = (key) => this.#values.delete(key);
}

function answering(status, body, headers = {}) {
  const calls = [];
  const request = async (path, options) => {
    calls.push({ path, ...options });
    return new Response(body, { status, headers });
  };
  const api = new Api(new Storage(), request);
  api.token = "secret";
  return { api, calls };
}

test("a text is sent as JSON with the token", async () => {
  const { api, calls } = answering(202, '{"id": "a"}');
  assert.deepEqual(await api.send("alice", "+13105550120", "hi"), { id: "a" });
  const [call] = calls;
  assert.equal(call.method, "POST");
  assert.equal(call.path, "/v1/messages");
  assert.equal(call.headers.Authorization, "Bearer secret");
  assert.deepEqual(JSON.parse(call.body), { personId: "alice", to: "+13105550120", text: "hi" });
});

test("names in paths are escaped", async () => {
  const { api, calls } = answering(200, "{}");
  await api.inject("a/b?", "1", "2", "x");
  assert.equal(calls[0].path, "/v1/carriers/a%2Fb%3F/inbound");
});

test("a refusal carries everything the API said", async () => {
  const body = '{"message": "no", "errors": [{"description": "too fast", "code": "throttled_number"}], "trackingId": "T", "blockedBy": "gateway"}';
  const { api } = answering(429, body, { "Retry-After": "7" });
  await assert.rejects(api.get("/v1/messages"), (refusal) => {
    assert.ok(refusal instanceof Refused);
    assert.equal(refusal.status, 429);
    assert.equal(refusal.sentence(), "throttled_number: too fast · blocked by gateway · try again in 7 s");
    assert.equal(refusal.trackingId, "T");
    return true;
  });
});

test("an answer that is no JSON is still a refusal", async () => {
  const { api } = answering(502, "<html>");
  await assert.rejects(api.get("/"), (refusal) => refusal.status === 502 && refusal.sentence() === "<html>");
});

test("an empty answer is null", async () => {
  const { api } = answering(200, "");
  assert.equal(await api.get("/"), null);
});

test("signing out forgets the token", () => {
  const { api } = answering(200, "");
  api.token = "";
  assert.equal(api.token, "");
});

test("listings may be bare", () => {
  assert.deepEqual(items([1]), [1]);
  assert.deepEqual(items({ items: [1] }), [1]);
  assert.deepEqual(items(null), []);
});
