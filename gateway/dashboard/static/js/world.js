// The world's clock, shown only where it differs from the wall's.

import { byId } from "./dom.js";

/** World time in milliseconds, from what the API said and how long ago. */
export function worldTime(clock, elapsedMs) {
  const speed = clock.mode === "frozen" ? 0 : (clock.speed ?? 1);
  return Date.parse(clock.now) + elapsedMs * speed;
}

export class World {
  constructor(api) {
    this.api = api;
    this.clock = null;
    this.asked = 0;
  }

  async refresh() {
    try {
      this.clock = await this.api.get("/v1/clock");
      this.asked = performance.now();
    } catch {
      this.clock = null;
    }
    this.draw();
  }

  draw() {
    const shown = this.clock !== null && this.clock.mode !== "system";
    byId("world").hidden = !shown;
    if (!shown) return;
    const now = new Date(worldTime(this.clock, performance.now() - this.asked));
    const label = this.clock.mode === "frozen" ? "frozen" : `×${this.clock.speed}`;
    byId("world-time").textContent = `${now.toISOString().slice(0, 19).replace("T", " ")} UTC, ${label}`;
  }
}
