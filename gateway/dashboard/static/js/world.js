// The world's clock, as the API told it and as it has run on since.

/** World time in milliseconds, from what the API said and how long ago. */
export function worldTime(clock, elapsedMs) {
  const speed = clock.mode === "frozen" ? 0 : (clock.speed ?? 1);
  return Date.parse(clock.now) + elapsedMs * speed;
}

/** How the clock runs, in a word: "", "frozen" or "×60". */
export const pace = (clock) => (clock.mode === "frozen" ? "frozen" : clock.speed === 1 ? "" : `×${clock.speed}`);

const written = new Intl.DateTimeFormat("en-GB", {
  timeZone: "UTC", day: "2-digit", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit", second: "2-digit",
});

export class World {
  constructor(api, now = () => performance.now()) {
    this.api = api;
    this.now = now;
    this.clock = null;
    this.asked = 0;
    this.held = null; // the moment it stands at while nobody can say how it runs
  }

  /** Takes what the API says of its clock. */
  take(clock) {
    this.clock = clock;
    this.asked = this.now();
    this.held = null;
  }

  /** Asks again; what was known stands where nobody answers. */
  async refresh() {
    const clock = await this.api.get("/v1/clock").catch(() => null);
    if (clock) this.take(clock);
  }

  /** Stands still until the API tells of the clock again. */
  hold() {
    this.held ??= this.time();
  }

  /** The world's moment in milliseconds, or the wall's where it is not known. */
  time() {
    if (this.held !== null) return this.held;
    return this.clock ? worldTime(this.clock, this.now() - this.asked) : Date.now();
  }

  /** "22 Nov 2026, 01:24:51", UTC. */
  written() {
    return written.format(this.time());
  }
}
