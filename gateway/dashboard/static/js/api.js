// The gateway's public API, as this page uses it.

const TOKEN = "gateway-token";

/** An answer other than success: status, the API's errors, and who blocked it. */
export class Refused extends Error {
  constructor(status, document, retryAfter) {
    const errors = document?.errors ?? [];
    super(errors[0]?.description ?? document?.message ?? `HTTP ${status}`);
    this.status = status;
    this.code = errors[0]?.code ?? "";
    this.errors = errors;
    this.blockedBy = document?.blockedBy ?? errors[0]?.blockedBy ?? "";
    this.retryAfter = retryAfter ? Number(retryAfter) : null;
    this.trackingId = document?.trackingId ?? "";
  }

  /** One sentence for a person. */
  sentence() {
    const parts = [this.code ? `${this.code}: ${this.message}` : this.message];
    if (this.blockedBy) parts.push(`blocked by ${this.blockedBy}`);
    if (this.retryAfter) parts.push(`try again in ${this.retryAfter} s`);
    return parts.join(" · ");
  }
}

/** The items of a listing, whether it is `{"items": […]}` or a bare list. */
export const items = (document) => (Array.isArray(document) ? document : (document?.items ?? []));

/** The path of the next page in a Link header (RFC 8288), or "". */
export function nextPage(link, origin = globalThis.location?.origin ?? "") {
  const target = /<([^>]+)>;\s*rel="?next"?/.exec(link ?? "")?.[1] ?? "";
  return target.startsWith(origin) ? target.slice(origin.length) : target;
}

/** A path with the parameters that have a value. */
export function withQuery(path, parameters) {
  const given = Object.entries(parameters).filter(([, value]) => value !== "" && value !== null && value !== undefined);
  return given.length ? `${path}?${new URLSearchParams(given)}` : path;
}

export class Api {
  constructor(storage = sessionStorage, request = (...args) => fetch(...args)) {
    this.storage = storage;
    this.request = request;
    this.onStranger = () => {}; // called when the token is not, or no longer, known
  }

  get token() {
    return this.storage.getItem(TOKEN) ?? "";
  }

  set token(value) {
    if (value) this.storage.setItem(TOKEN, value);
    else this.storage.removeItem(TOKEN);
  }

  /** One request with the token; rejects with Refused unless it succeeds. */
  async fetch(method, path, { body, type = "application/json", signal } = {}) {
    const headers = { Authorization: `Bearer ${this.token}` };
    if (body !== undefined) headers["Content-Type"] = type;
    const response = await this.request(path, { method, headers, body, cache: "no-store", signal });
    if (response.ok) return response;
    if (response.status === 401) this.onStranger();
    throw new Refused(response.status, await readDocument(response), response.headers.get("Retry-After"));
  }

  /** Calls the API; resolves with the JSON document (or null), rejects with Refused. */
  async call(method, path, body, signal) {
    const content = body === undefined ? undefined : JSON.stringify(body);
    return readDocument(await this.fetch(method, path, { body: content, signal }));
  }

  get(path, signal) {
    return this.call("GET", path, undefined, signal);
  }

  post(path, body) {
    return this.call("POST", path, body);
  }

  patch(path, body) {
    return this.call("PATCH", path, body);
  }

  delete(path) {
    return this.call("DELETE", path);
  }

  /** One page of a listing and the path of the next: {items, next}. */
  async page(path, signal) {
    const response = await this.fetch("GET", path, { signal });
    return { items: items(await readDocument(response)), next: nextPage(response.headers.get("Link")) };
  }

  /** A whole listing, at most `most` items of it. */
  async all(path, most = 1000, signal = undefined) {
    const found = [];
    for (let next = path; next && found.length < most; ) {
      const page = await this.page(next, signal);
      found.push(...page.items);
      next = page.next;
    }
    return found;
  }

  /** A file as a Blob. */
  async file(path, signal) {
    return (await this.fetch("GET", path, { signal })).blob();
  }

  /** A one-use ticket for the stream. */
  async ticket() {
    return (await this.post("/v1/tickets")).ticket;
  }

  send(personId, to, text) {
    return this.post("/v1/messages", { personId, to, text });
  }

  inject(carrier, from, to, text) {
    return this.post(`/v1/carriers/${encodeURIComponent(carrier)}/inbound`, { from, to, text });
  }
}

async function readDocument(response) {
  const text = await response.text();
  try {
    return text ? JSON.parse(text) : null;
  } catch {
    return { message: text.slice(0, 200) };
  }
}
