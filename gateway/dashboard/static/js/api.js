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

export class Api {
  constructor(storage = sessionStorage, request = (...args) => fetch(...args)) {
    this.storage = storage;
    this.request = request;
  }

  get token() {
    return this.storage.getItem(TOKEN) ?? "";
  }

  set token(value) {
    if (value) this.storage.setItem(TOKEN, value);
    else this.storage.removeItem(TOKEN);
  }

  /** Calls the API; resolves with the JSON document (or null), rejects with Refused. */
  async call(method, path, body) {
    const headers = { Authorization: `Bearer ${this.token}` };
    if (body !== undefined) headers["Content-Type"] = "application/json";
    const response = await this.request(path, {
      method,
      headers,
      body: body === undefined ? undefined : JSON.stringify(body),
      cache: "no-store",
    });
    const text = await response.text();
    let document = null;
    try {
      document = text ? JSON.parse(text) : null;
    } catch {
      document = { message: text.slice(0, 200) };
    }
    if (!response.ok) throw new Refused(response.status, document, response.headers.get("Retry-After"));
    return document;
  }

  get(path) {
    return this.call("GET", path);
  }

  post(path, body) {
    return this.call("POST", path, body);
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
