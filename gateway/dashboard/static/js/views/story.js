// One text's whole story: facts, verdicts, timeline.

import { byId, el } from "../dom.js";
import { timeOfDay } from "./live.js";

const FACTS = ["state", "code", "blockedBy", "direction", "from", "to", "text", "encoding", "segments", "carrier", "personId", "created", "releaseAt", "updated", "id"];

export class StoryView {
  constructor(api) {
    this.api = api;
    this.dialog = byId("story");
    byId("story-close").addEventListener("click", () => this.dialog.close());
    this.dialog.addEventListener("click", (event) => {
      if (event.target === this.dialog) this.dialog.close();
    });
  }

  async open(id) {
    byId("story-body").replaceChildren(el("p", { className: "empty" }, "Loading …"));
    this.dialog.showModal();
    try {
      this.show(await this.api.get(`/v1/messages/${encodeURIComponent(id)}`));
    } catch (refusal) {
      byId("story-body").replaceChildren(el("p", { className: "empty" }, refusal.sentence?.() ?? String(refusal)));
    }
  }

  show(message) {
    const facts = FACTS.filter((name) => message[name] !== undefined && message[name] !== null).flatMap((name) => [
      el("dt", {}, words(name)),
      el("dd", { className: /^(from|to|id)$/.test(name) ? "mono" : "" }, String(message[name])),
    ]);
    const parts = [el("dl", { className: "facts" }, ...facts)];
    const timeline = message.timeline ?? [];
    if (timeline.length) {
      parts.push(el("h3", {}, "On the way"), el("ol", { className: "timeline" }, ...timeline.map(moment)));
    }
    const verdicts = message.verdicts ?? [];
    if (verdicts.length) {
      parts.push(el("h3", {}, "What the rules said"), el("ul", { className: "verdicts" }, ...verdicts.map(verdict)));
    }
    byId("story-body").replaceChildren(...parts);
  }
}

/** "releaseAt" → "release at". */
export const words = (name) => name.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);

function details(document, without) {
  return Object.entries(document)
    .filter(([name, value]) => !without.includes(name) && value !== null && value !== "")
    .map(([name, value]) => `${words(name)} ${typeof value === "object" ? JSON.stringify(value) : value}`)
    .join(" · ");
}

function moment(entry) {
  return el(
    "li",
    {},
    el("span", { className: "mono" }, timeOfDay(entry.at)),
    " ",
    el("strong", {}, entry.event ?? ""),
    " ",
    el("span", { className: "detail" }, details(entry, ["at", "event"])),
  );
}

function verdict(entry) {
  const name = entry.code ?? entry.rule ?? "rule";
  return el("li", {}, el("code", {}, name), " ", el("span", {}, details(entry, ["code", "rule"])));
}
