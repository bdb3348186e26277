// A recording to look at and to hear: both parties as waveforms, with gaps, pauses and announcements marked.

import { button } from "./parts.js";
import { el, icon, refill, setText } from "./dom.js";
import { playTime } from "./format.js";

const KINDS = { gap: "bad", pause: "wait", mark: "other" };

/** What a recording's details say happened on its timeline: [{kind, from, to, lane, text}], times in ms. */
export function marksOf(details, pausesAreCut = false) {
  const marks = [];
  for (const [lane, stream] of (details.streams ?? []).entries()) {
    for (const gap of stream.gaps ?? []) {
      const [from, to] = spanOf(gap);
      marks.push({ kind: "gap", from, to, lane, text: `gap of ${Math.round(to - from)} ms, party ${stream.label ?? lane + 1}` });
    }
  }
  for (const pause of details.pauses ?? []) {
    const [from, to] = spanOf(pause);
    const text = `paused for ${((to - from) / 1000).toFixed(1)} s${pausesAreCut ? ", cut out of the audio" : ""}`;
    marks.push({ kind: "pause", from, to: pausesAreCut ? from : to, lane: null, text });
  }
  for (const each of details.announcements ?? []) {
    const at = each.atMs ?? 0;
    marks.push({ kind: "mark", from: at, to: at, lane: null, label: each.kind, text: [each.event, each.played === false ? "not played" : ""].filter(Boolean).join(", ") });
  }
  return marks.sort((a, b) => a.from - b.from);
}

/** Whether pauses were cut out of the audio: it is then shorter than the recording took by what they lasted. */
export function pausesAreCut({ startedAt, endedAt, durationMs, details }) {
  const paused = (details?.pauses ?? []).reduce((total, pause) => total + (spanOf(pause)[1] - spanOf(pause)[0]), 0);
  return paused > 0 && Date.parse(endedAt) - Date.parse(startedAt) - durationMs > paused / 2;
}

/** [from, to] in ms of whatever a sidecar calls its edges. */
export function spanOf(entry) {
  const from = entry.fromMs ?? entry.startMs ?? entry.atMs ?? 0;
  const to = entry.toMs ?? entry.endMs ?? from + (entry.durationMs ?? entry.lengthMs ?? 0);
  return [from, Math.max(from, to)];
}

/** Draws one channel's peaks (0 to 1) into a canvas; the part already played in the accent colour. */
export function drawWave(canvas, peaks, marks, durationMs, playedMs, colours) {
  const ratio = Math.min(globalThis.devicePixelRatio || 1, 2);
  const width = Math.max(canvas.clientWidth, 1);
  const height = Math.max(canvas.clientHeight, 1);
  if (canvas.width !== Math.round(width * ratio)) Object.assign(canvas, { width: Math.round(width * ratio), height: Math.round(height * ratio) });
  const brush = canvas.getContext("2d");
  brush.setTransform(ratio, 0, 0, ratio, 0, 0);
  brush.clearRect(0, 0, width, height);
  const at = (ms) => (durationMs ? (ms / durationMs) * width : 0);
  for (const { kind, from, to } of marks) {
    brush.fillStyle = colours[`${KINDS[kind]}-tint`];
    brush.fillRect(at(from), 0, Math.max(at(to) - at(from), kind === "mark" ? 0 : 2), height);
  }
  const step = width / Math.max(peaks.length, 1);
  const playedTo = at(playedMs);
  const loudest = Math.max(...peaks, 0.05);
  for (let n = 0; n < peaks.length; n += 1) {
    const half = Math.max((peaks[n] / loudest) * (height / 2 - 4), 0.5);
    const x = n * step;
    brush.fillStyle = x < playedTo ? colours.accent : colours.soft;
    brush.fillRect(x, height / 2 - half, Math.max(step * 0.75, 0.75), half * 2);
  }
  for (const { kind, from } of marks) {
    brush.fillStyle = colours[KINDS[kind]];
    brush.fillRect(at(from), 0, 2, height);
  }
  brush.fillStyle = colours.text;
  brush.fillRect(Math.min(playedTo, width - 1.5), 0, 1.5, height);
}

/** Colours as the page has them now. */
export function coloursOf(node) {
  const probe = el("i");
  node.append(probe);
  const read = (name) => {
    probe.style.color = `var(--${name})`;
    return getComputedStyle(probe).color;
  };
  const names = ["accent", "soft", "text", "bad", "bad-tint", "wait", "wait-tint", "other", "other-tint"];
  const colours = Object.fromEntries(names.map((name) => [name, read(name)]));
  probe.remove();
  return colours;
}

/** Waveforms with a player below; the audio is fetched with the token when it is first wanted. */
export class Player {
  constructor({ peaks, marks, fetchAudio, names, onTrouble }) {
    Object.assign(this, { peaks, marks, fetchAudio, onTrouble });
    this.durationMs = peaks.durationMs;
    this.position = 0;
    this.audio = el("audio", { preload: "auto" });
    this.lanes = peaks.channels.map((channel, lane) => {
      const canvas = el("canvas", { role: "img" });
      canvas.setAttribute("aria-label", `Waveform of ${names[lane] ?? `channel ${lane + 1}`}, ${(this.durationMs / 1000).toFixed(1)} seconds`);
      return { canvas, channel, marks: this.marks.filter((mark) => mark.lane === null || mark.lane === lane) };
    });
    this.seek = el("input", { type: "range", className: "wave-seek", min: 0, max: this.durationMs, step: 10, value: 0, "aria-label": "Position" });
    this.seek.addEventListener("input", () => this.moveTo(Number(this.seek.value)));
    this.now = el("span", {}, playTime(0));
    this.toggle = button("", () => this.playOrPause(), "primary");
    this.showToggle();
    for (const event of ["play", "pause", "ended"]) this.audio.addEventListener(event, () => this.showToggle());
    this.node = el(
      "div",
      { className: "wave" },
      this.lanes.map(({ canvas }, lane) => el("div", { className: "wave-lane" }, canvas, el("span", { className: "wave-name" }, names[lane] ?? `Channel ${lane + 1}`))),
      this.seek,
      el("div", { className: "wave-time" }, this.now, el("span", {}, playTime(this.durationMs))),
      el("div", { className: "player" }, this.toggle, this.audio),
    );
    this.observer = new ResizeObserver(() => this.draw());
    this.observer.observe(this.node);
  }

  end() {
    this.observer.disconnect();
    cancelAnimationFrame(this.frame);
    this.audio.pause();
    if (this.address) URL.revokeObjectURL(this.address);
  }

  showToggle() {
    const playing = !this.audio.paused && !this.audio.ended;
    refill(this.toggle, icon(playing ? "pause" : "play"), playing ? "Pause" : "Play");
    if (playing) this.follow();
  }

  async load() {
    if (this.address) return;
    this.toggle.disabled = true;
    try {
      this.address = URL.createObjectURL(await this.fetchAudio());
      this.audio.src = this.address;
      this.audio.currentTime = this.position / 1000;
    } finally {
      this.toggle.disabled = false;
    }
  }

  async playOrPause() {
    if (!this.audio.paused) return this.audio.pause();
    try {
      await this.load();
      await this.audio.play();
    } catch (refusal) {
      this.onTrouble(refusal);
    }
    return undefined;
  }

  moveTo(ms) {
    this.position = ms;
    if (this.address) this.audio.currentTime = ms / 1000;
    this.draw();
  }

  follow() {
    cancelAnimationFrame(this.frame);
    this.position = this.audio.currentTime * 1000;
    this.seek.value = this.position;
    this.draw();
    if (!this.audio.paused && !this.audio.ended) this.frame = requestAnimationFrame(() => this.follow());
  }

  draw() {
    const colours = coloursOf(this.node);
    for (const { canvas, channel, marks } of this.lanes) drawWave(canvas, channel, marks, this.durationMs, this.position, colours);
    setText(this.now, playTime(this.position));
  }
}
