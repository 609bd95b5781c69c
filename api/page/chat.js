// One conversation at work: what is sent, followed, queued and stopped.

import * as api from "./api.js";
import { el } from "./dom.js";
import { Answer } from "./fold.js";
import { answerOf, textOf } from "./history.js";
import { follow } from "./stream.js";

export class Chat {
  /** `on.busy(isBusy)`, `on.status(text)`, `on.title(id, title)`, `on.failed(error)`, `on.ended()`. */
  constructor(sessionId, conversation, on) {
    this.sessionId = sessionId;
    this.conversation = conversation;
    this.on = on;
    this.waiting = [];
    this.closing = new AbortController();
  }

  /** Stops following; the turn goes on. */
  close() {
    this.closing.abort();
  }

  get isClosed() {
    return this.closing.signal.aborted;
  }

  /** Shows what is stored, and follows what is under way. */
  async load() {
    const session = await api.readSession(this.sessionId);
    if (this.isClosed) return;
    this.conversation.clear();
    for (const message of session.messages) {
      if (message.role === "assistant") {
        this.conversation.answer().show(answerOf(message));
      } else {
        const view = this.conversation.user(textOf(message));
        this.remember(message.metadata, view, session.active_stream);
      }
    }
    this.conversation.toEnd();
    if (session.active_stream) await this.followAll();
  }

  remember({ turnId, status }, view, active) {
    const isNext = turnId === active?.turn_id;
    if (status === "cancelled") view.mark("not answered");
    else if (status === "queued" || isNext) this.await(turnId, view, isNext);
  }

  /** A message whose turn has not been followed yet. */
  await(turnId, view, isNext) {
    this.waiting.push({ turnId, view });
    if (isNext) return;
    const now = el("button", { type: "button", class: "link", onclick: () => this.stop() }, "Answer it now");
    view.mark("waits for the answer above · ", now);
  }

  /** Sends a message: at once, or behind the turn that runs. */
  async send(text, files = []) {
    const view = this.conversation.user(text, files);
    const message = {
      message: text,
      message_id: crypto.randomUUID?.() ?? `${Date.now()}-${Math.random()}`,
      ...(files.length ? { file_ids: files.map((file) => file.file_id) } : {}),
    };
    try {
      if (this.isBusy) {
        const turn = await api.queueTurn(this.sessionId, message);
        this.await(turn.id, view, false);
      } else {
        await this.followOne((signal) => api.startStream(this.sessionId, message, signal), view);
        await this.followAll();
      }
    } catch (error) {
      view.mark("not sent");
      this.busy(false);
      throw error;
    }
  }

  async stop() {
    if (!this.turnId) return;
    this.on.status("Stopping …");
    await api.cancelTurn(this.sessionId, this.turnId);
  }

  /** What is unfinished, one after the other: first what waits here, then what others began. */
  async followAll() {
    do {
      for (let next; !this.isClosed && (next = this.waiting.shift()); ) {
        next.view.mark();
        await this.followOne((signal) => api.replayStream(this.sessionId, next.turnId, signal), next.view);
      }
    } while (!this.isClosed && (await this.followOne((signal) => api.resumeStream(this.sessionId, undefined, signal))));
    if (!this.isClosed) this.on.ended();
  }

  /** Whether there was a turn to follow; its answer stands behind `view`, or at the end. */
  async followOne(begin, view) {
    const answer = new Answer();
    let drawn;
    const draw = () => {
      drawn ??= this.conversation.answer(view?.node);
      drawn.show(answer, true);
    };
    const source = {
      begin,
      resume: (cursor, signal) => api.resumeStream(this.sessionId, cursor, signal),
    };
    this.busy(true);
    if (view) draw();
    const found = await follow(source, {
      restart: () => answer.clear(),
      away: (isAway) => this.on.status(isAway ? "The connection is lost. Trying again …" : ""),
      event: (event) => {
        if (this.isClosed) return;
        if (event.type === "data-status") this.on.status(statusText(event.data?.message));
        else if (event.type === "data-title") this.on.title(this.sessionId, event.data.title);
        else {
          answer.push(event);
          this.turnId = answer.turnId;
          if (event.type !== "start") this.on.status("");
          draw();
        }
      },
    }, this.closing.signal);
    if (this.isClosed) return false;
    this.turnId = undefined;
    this.busy(false);
    this.on.status("");
    return found;
  }

  busy(isBusy) {
    this.isBusy = isBusy;
    this.on.busy(isBusy);
  }
}

function statusText(message) {
  return message && message !== "reconnect" ? message : "";
}
