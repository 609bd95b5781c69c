// The conversation: messages, and answers that grow.

import { el, byId, link } from "./dom.js";
import { drawMarkdown } from "./markdown.js";
import { toolCard } from "./tools.js";

const NEAR_END = 120;

const EXAMPLES = [
  ["How do I resume a stream?", "What a client does after a lost connection"],
  ["What happens when an executor is killed?", "The promises, and how they are kept"],
  ['/tool get_doc_page {"path": "tools.md"}', "Call a tool by hand"],
];

/** Parts that are told elsewhere, or not at all. */
const HIDDEN = ["step-start", "data-error", "data-files"];

const REASONS = {
  length: "The answer reached its length limit.",
  "tool-calls": "The limit of steps was reached.",
  "content-filter": "The model's provider withheld the answer.",
};

export class Conversation {
  constructor() {
    this.node = byId("conversation");
  }

  clear() {
    this.node.replaceChildren();
  }

  /** What a new conversation shows; `use` takes an example. */
  welcome(use) {
    this.node.replaceChildren(
      el("div", { class: "welcome" },
        el("span", { class: "mark", "aria-hidden": "true" }),
        el("h3", {}, "What can I do for you?"),
        el("p", {}, "Answers stream as they are made. Close the page, come back: nothing is lost."),
        el("ul", {}, EXAMPLES.map(([question, about]) =>
          el("li", {}, el("button", { type: "button", onclick: () => use(question) },
            el("strong", {}, question), el("span", {}, about)))))));
  }

  /** A message of the user; its view, whose `mark(text, action)` puts a label on it. */
  user(text, files = []) {
    this.node.querySelector(".welcome")?.remove();
    const label = el("span", { class: "label" });
    const node = el("article", { class: "user", "aria-label": "You" },
      el("div", { class: "bubble" }, text,
        files.length ? el("ul", { class: "attached" }, files.map((file) => el("li", {}, file.name))) : undefined),
      label);
    this.node.append(node);
    this.toEnd();
    const mark = (told = "", action) => label.replaceChildren(...[told, action].filter(Boolean));
    return { node, mark };
  }

  /** An answer behind `before`, or at the end. */
  answer(before) {
    const node = el("article", { class: "assistant", "aria-label": "Copilot" });
    if (before) before.after(node);
    else this.node.append(node);
    return new AnswerView(node, this);
  }

  get isAtEnd() {
    const { scrollHeight, scrollTop, clientHeight } = this.node;
    return scrollHeight - scrollTop - clientHeight < NEAR_END;
  }

  toEnd() {
    this.node.scrollTop = this.node.scrollHeight;
  }
}

/** Draws an answer as often as the screen does, and only what changed. */
class AnswerView {
  constructor(node, conversation) {
    this.node = node;
    this.conversation = conversation;
    this.body = el("div", { class: "parts" });
    this.foot = el("footer");
    node.append(this.body, this.foot);
    this.drawn = [];
  }

  show(answer, isLive = false) {
    this.answer = answer;
    this.isLive = isLive;
    this.frame ??= requestAnimationFrame(() => {
      this.frame = undefined;
      const follows = this.conversation.isAtEnd;
      this.draw();
      if (follows) this.conversation.toEnd();
    });
  }

  draw() {
    const parts = this.answer.parts.filter((part) => !HIDDEN.includes(part.type) && part.text !== "");
    parts.forEach((part, place) => this.drawPart(part, place));
    for (const { node } of this.drawn.splice(parts.length)) node.remove();
    const isWaiting = this.isLive && !this.answer.isFinished && parts.length === 0;
    this.node.classList.toggle("waiting", isWaiting);
    this.node.classList.toggle("live", this.isLive && !this.answer.isFinished);
    this.node.setAttribute("aria-busy", String(this.isLive && !this.answer.isFinished));
    this.foot.replaceChildren(...this.footer());
  }

  drawPart(part, place) {
    const state = JSON.stringify([part, this.answer.isFinished && part.type === "tool"]);
    const old = this.drawn[place];
    if (old?.state === state) return;
    const node = old?.type === part.type && part.type !== "tool" ? old.node : partNode(part);
    if (part.type === "text") drawMarkdown(node, part.text);
    else if (part.type === "reasoning") drawReasoning(node, part);
    else if (part.type === "tool") this.drawCard(node, part, old);
    if (!old) this.body.append(node);
    else if (node !== old.node) old.node.replaceWith(node);
    this.drawn[place] = { type: part.type, state, node };
  }

  /** A card that somebody has opened stays open. */
  drawCard(node, part, old) {
    const card = toolCard(part, this.answer.isFinished);
    const before = old?.type === "tool" ? old.node.firstElementChild : undefined;
    if (before?.open) card.open = true;
    node.replaceChildren(card);
  }

  footer() {
    const { error, isAborted, isFinished, metadata } = this.answer;
    const told = [];
    if (error) told.push(el("p", { class: "error", role: "alert" }, errorText(error)));
    if (isAborted) told.push(el("p", { class: "stopped" }, "Stopped."));
    const reason = REASONS[metadata.finishReason];
    if (reason) told.push(el("p", { class: "stopped" }, reason));
    if (isFinished && metadata.usage?.total_tokens) {
      const about = metadata.usage.estimated ? "about " : "";
      told.push(el("p", { class: "usage" }, `${about}${metadata.usage.total_tokens.toLocaleString("en")} tokens`));
    }
    return told;
  }
}

function partNode(part) {
  switch (part.type) {
    case "text":
      return el("div", { class: "markdown" });
    case "reasoning":
      return el("details", { class: "reasoning" }, el("summary", {}), el("div", { class: "markdown" }));
    case "source-url":
      return el("p", { class: "source" }, "Source: ", link(part.url, part.title ?? part.url));
    case "file":
      return el("p", { class: "source" }, "File: ", link(part.url, part.filename ?? part.mediaType));
    default:
      return el("div", {});
  }
}

function drawReasoning(node, part) {
  node.firstElementChild.textContent = part.state === "streaming" ? "Thinking …" : "Thoughts";
  drawMarkdown(node.lastElementChild, part.text);
}

function errorText(error) {
  const again = error.retry_after_seconds
    ? ` Try again in ${error.retry_after_seconds} s.`
    : error.retryable ? " Ask again to retry." : "";
  const message = error.message ?? "The answer failed.";
  return message + (message.includes("try again") || message.includes("Try again") ? "" : again);
}
