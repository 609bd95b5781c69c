// The list of conversations.

import * as api from "./api.js";
import { byId, el } from "./dom.js";

const UNTITLED = "New conversation";

export class Sessions {
  /** `on.open(session)`, `on.deleted(id)`, `on.failed(error)`. */
  constructor(on) {
    this.on = on;
    this.node = byId("sessions");
    this.current = undefined;
    this.items = [];
  }

  async load() {
    this.items = (await api.listSessions()).sessions;
    this.draw();
  }

  select(id) {
    this.current = id;
    this.draw();
  }

  titleOf(id) {
    return this.items.find((session) => session.id === id)?.title || UNTITLED;
  }

  setTitle(id, title) {
    const session = this.items.find((one) => one.id === id);
    if (session) session.title = title;
    else this.items.unshift({ id, title, status: "running" });
    this.draw();
  }

  draw() {
    if (this.items.length === 0) {
      this.node.replaceChildren(el("p", { class: "empty" }, "Your conversations will be listed here."));
      return;
    }
    this.node.replaceChildren(el("ul", {}, this.items.map((session) => this.item(session))));
  }

  item(session) {
    const isCurrent = session.id === this.current;
    const title = session.title || UNTITLED;
    return el("li", { class: isCurrent ? "current" : "" },
      el("button", {
        type: "button",
        class: "open",
        title,
        "aria-current": isCurrent ? "page" : undefined,
        onclick: () => this.on.open(session),
      }, el("span", { class: "name" }, title), session.status === "idle" ? undefined : el("span", { class: "dot", title: session.status })),
      el("button", { type: "button", class: "icon", "aria-label": `Rename ${title}`, onclick: (event) => this.rename(session, event.currentTarget.closest("li")) }, "✎"),
      el("button", { type: "button", class: "icon", "aria-label": `Delete ${title}`, onclick: () => this.remove(session, title) }, "🗑"));
  }

  rename(session, row) {
    const input = el("input", { value: session.title ?? "", maxLength: 200, "aria-label": "Title" });
    let isClosed = false;
    const close = async (isKept) => {
      if (isClosed) return;
      isClosed = true;
      const title = input.value.trim();
      if (isKept && title && title !== session.title) {
        try {
          await api.renameSession(session.id, title);
          session.title = title;
          this.on.renamed(session.id, title);
        } catch (error) {
          this.on.failed(error);
        }
      }
      this.draw();
    };
    input.addEventListener("keydown", (event) => {
      if (event.key === "Enter") close(true);
      if (event.key === "Escape") close(false);
      event.stopPropagation();
    });
    input.addEventListener("blur", () => close(true));
    row.replaceChildren(input);
    input.focus();
    input.select();
  }

  async remove(session, title) {
    if (!confirm(`Delete “${title}” with all its messages?`)) return;
    try {
      await api.deleteSession(session.id);
    } catch (error) {
      if (error.status !== 404) return this.on.failed(error);
    }
    this.items = this.items.filter((one) => one !== session);
    this.draw();
    this.on.deleted(session.id);
  }
}
