import assert from "node:assert/strict";
import { test } from "node:test";

import { Api, Refused, items, nextPage, withQuery } from "./js/api.js";

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

test("a listing is followed page by page, within bounds", async () => {
  const pages = { "/v1/x": [[1, 2], "/v1/x?cursor=2"], "/v1/x?cursor=2": [[3], "/v1/x?cursor=3"], "/v1/x?cursor=3": [[4], ""] };
  const request = async (path) => {
    const [found, next] = pages[path];
    return new Response(JSON.stringify({ items: found }), { headers: next ? { Link: `<${next}>; rel="next"` } : {} });
  };
  const api = new Api(new Storage(), request);
  assert.deepEqual(await api.page("/v1/x"), { items: [1, 2], next: "/v1/x?cursor=2" });
  assert.deepEqual(await api.all("/v1/x"), [1, 2, 3, 4]);
  assert.deepEqual(await api.all("/v1/x", 3), [1, 2, 3]);
});

test("the next page is asked of this origin", () => {
  assert.equal(nextPage('<http://here/v1/x?cursor=2>; rel="next"', "http://here"), "/v1/x?cursor=2");
  assert.equal(nextPage("", "http://here"), "");
  assert.equal(nextPage('</v1/y>; rel="prev"'), "");
});

test("only parameters with a value are asked for", () => {
  assert.equal(withQuery("/v1/x", { a: "", b: null, c: undefined }), "/v1/x");
  assert.equal(withQuery("/v1/x", { number: "+1 & 2", max: 0 }), "/v1/x?number=%2B1+%26+2&max=0");
});

test("a file goes up as it is", async () => {
  const { api, calls } = answering(202, '{"id": "r"}');
  const body = new Uint8Array([1, 2]);
  await api.fetch("POST", "/v1/replays", { body, type: "application/octet-stream" });
  assert.equal(calls[0].body, body);
  assert.equal(calls[0].headers["Content-Type"], "application/octet-stream");
});
