// The AI SDK's own transport and chat against a running server (`COPILOT_URL`, no sign-in, a model
// that answers as `tests/it/tests/it/javascript.rs` says), in each version that the stream
// promises, with the profile that the documentation gives it.
//
// Each version checks every chunk with its own schema while it reads; a chunk that it refuses ends
// in the chat's `error`, which every scenario looks at.

import assert from "node:assert/strict";
import { test } from "node:test";

const URL = process.env.COPILOT_URL;
const API = `${URL}/api/chat`;
const LIMIT = 15_000;
const WORDS = Array.from({ length: 60 }, (_, number) => `word${number} `).join("");

/** Version, and profile; none: the server's default, with no configuration at all. */
const CLIENTS = [
  ["ai-5.0.0"],
  ["ai-5"],
  ["ai-6.0.0"],
  ["ai-6"],
  ["ai-6", "v6"],
  ["ai-7"],
  ["ai-7", "v7"],
];

/** Those that go on with the half of an answer that they have, given the rest of it. */
const KEEP_STATE = ["ai-5", "ai-6", "ai-7"];

/** Remembers the id of the last event of a chat, for `prepareReconnectToStreamRequest`. */
class Cursor {
  noting = (send = fetch) => async (input, init) => {
    const response = await send(input, init);
    if (!response.ok || !response.body) return response;
    let rest = "";
    const note = new TransformStream({
      transform: (chunk, controller) => {
        const lines = (rest + new TextDecoder().decode(chunk)).split("\n");
        rest = lines.pop();
        for (const line of lines) if (line.startsWith("id: ")) this.last = line.slice("id: ".length);
        controller.enqueue(chunk);
      },
    });
    return new Response(response.body.pipeThrough(note), response);
  };
  headers = () => (this.last ? { "last-event-id": this.last } : {});
  forget = () => (this.last = undefined);
}

class State {
  status = "ready";
  error = undefined;
  constructor(messages) {
    this.messages = messages;
  }
  pushMessage = (message) => (this.messages = [...this.messages, message]);
  popMessage = () => (this.messages = this.messages.slice(0, -1));
  replaceMessage = (place, message) =>
    (this.messages = this.messages.map((one, number) => (number === place ? message : one)));
  snapshot = (value) => structuredClone(value);
}

let chats = 0;

/** What an app of this version would have. */
async function client(version, profile) {
  const { AbstractChat, DefaultChatTransport } = await import(version);
  class Chat extends AbstractChat {
    constructor(id, messages, fetch) {
      const headers = profile ? { "x-stream-profile": profile } : {};
      const transport = new DefaultChatTransport({
        api: API,
        headers,
        fetch: cursor.noting(fetch),
        prepareReconnectToStreamRequest: ({ id }) => ({
          api: `${API}/${encodeURIComponent(id)}/stream`,
          headers: { ...headers, ...cursor.headers() },
        }),
      });
      super({ id, state: new State(messages), transport, onError() {} });
    }
  }
  const cursor = new Cursor();
  chats += 1;
  const id = `${version}-${profile ?? "default"}-${chats}-${Date.now()}`;
  return {
    id,
    cursor,
    keepsState: KEEP_STATE.includes(version),
    chat: (messages = [], fetch) => new Chat(id, messages, fetch),
    history: async () => (await fetch(`${API}/${id}/messages`, { headers: profile ? { "x-stream-profile": profile } : {} })).json(),
  };
}

const plain = (value) => JSON.parse(JSON.stringify(value));
const textOf = (message) => message.parts.filter((part) => part.type === "text").map((part) => part.text).join("");

async function until(what, ready) {
  const end = Date.now() + LIMIT;
  while (!ready()) {
    assert.ok(Date.now() < end, `${what} in time`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** Nothing went wrong: one clean answer to each question, as the server has it. */
async function assertClean(chat, history) {
  assert.equal(chat.error, undefined);
  assert.equal(chat.status, "ready");
  assert.deepEqual(chat.messages.map((message) => message.role), history.map((message) => message.role));
  const answers = (messages) => plain(messages).filter((message) => message.role === "assistant").map(withoutIds).map(plain);
  assert.deepEqual(answers(chat.messages), answers(history));
}

/** Newer versions give blocks the stream's ids, older ones do not; they mean nothing afterwards. */
const withoutIds = (message) => ({
  ...message,
  parts: message.parts.map(({ id, ...part }) => (["text", "reasoning"].includes(part.type) ? part : { id, ...part })),
});

/** A fetch whose responses break when they are told to. */
function brittle() {
  const breaking = new AbortController();
  return {
    cut: () => breaking.abort(new TypeError("network lost")),
    fetch: (input, init) => fetch(input, { ...init, signal: breaking.signal }),
  };
}

/** Where the answer under way stands. */
const said = (chat) => (chat.lastMessage?.role === "assistant" ? textOf(chat.lastMessage) : "");

const SCENARIOS = {
  "text, reasoning and tools are one clean message": async ({ chat, history }) => {
    const one = chat();
    await one.sendMessage({ text: "rich" });
    const types = one.lastMessage.parts.map((part) => part.type);
    assert.deepEqual(types, ["step-start", "reasoning", "tool-search_docs", "step-start", "reasoning", "text"]);
    assert.equal(one.lastMessage.parts[2].output.type, "doc_search_results");
    await assertClean(one, await history());
  },

  "a second question follows in the same chat": async ({ chat, history }) => {
    const one = chat();
    await one.sendMessage({ text: "short" });
    await one.sendMessage({ text: "rich" });
    await assertClean(one, await history());
    assert.equal(one.messages.length, 4);
    assert.deepEqual(one.messages.map((message) => message.id), (await history()).map((message) => message.id));
  },

  "an error is told, and a reload shows it": async ({ chat, history }) => {
    const one = chat();
    await one.sendMessage({ text: "fail" });
    assert.equal(one.status, "error");
    const [, answer] = await history();
    const note = answer.parts.find((part) => part.type === "data-error");
    assert.equal(note.data.code, "llm_auth");
    assert.equal(one.error.message, note.data.message);
    const loaded = chat(await history());
    await loaded.sendMessage({ text: "short" });
    await assertClean(loaded, await history());
  },

  "a stop keeps what was said": async ({ chat, history, id }) => {
    const one = chat();
    const sending = one.sendMessage({ text: "slow" });
    await until("some words", () => said(one).includes("word5 "));
    const sessions = await (await fetch(`${API}/sessions`)).json();
    const session = sessions.sessions.find((session) => session.client_id === id);
    const cancelled = await fetch(`${API}/sessions/${session.id}/cancel`, { method: "POST" });
    assert.equal((await cancelled.json()).status, "cancelled");
    await sending;
    const text = said(one);
    assert.ok(text.includes("word5 ") && WORDS.startsWith(text) && text !== WORDS, text);
    await assertClean(one, await history());
  },

  "a page that is loaded in mid-answer goes on": async ({ chat, history, cursor }) => {
    const lost = brittle();
    const old = chat([], lost.fetch);
    const sending = old.sendMessage({ text: "slow" });
    await until("some words", () => said(old).includes("word5 "));
    lost.cut();
    await sending;
    cursor.forget();
    const loaded = chat(await history());
    assert.equal(loaded.messages.length, 1);
    await loaded.resumeStream();
    assert.equal(textOf(loaded.lastMessage), WORDS);
    await assertClean(loaded, await history());
  },

  "a page that lost its line goes on": async ({ chat, history, cursor, keepsState }) => {
    const lost = brittle();
    const one = chat([], (input, init) => (init?.method === "POST" ? lost.fetch(input, init) : fetch(input, init)));
    const sending = one.sendMessage({ text: "slow" });
    await until("some words", () => said(one).includes("word5 "));
    lost.cut();
    await sending;
    if (!keepsState) {
      // It knows nothing of its half any more: all of the answer is to come again.
      one.messages = one.messages.filter((message) => message.role === "user");
      cursor.forget();
    }
    await one.resumeStream();
    assert.equal(textOf(one.lastMessage), WORDS);
    await assertClean(one, await history());
  },

  "nothing to resume is no error": async ({ chat, history }) => {
    const unknown = chat();
    await unknown.resumeStream();
    assert.equal(unknown.error, undefined);
    assert.deepEqual(await history(), []);
  },

  "two pages of one chat wait for each other": async ({ chat, history }) => {
    const [first, second] = [chat(), chat()];
    const sending = first.sendMessage({ text: "slow" });
    await until("some words", () => said(first).includes("word1 "));
    await second.sendMessage({ text: "short" });
    await sending;
    assert.equal(textOf(second.lastMessage), "A short answer.");
    assert.deepEqual((await history()).map((message) => message.role), ["user", "assistant", "user", "assistant"]);
    await assertClean(first, (await history()).slice(0, 2));
  },
};

for (const [version, profile] of CLIENTS) {
  test(`${version}${profile ? ` with profile ${profile}` : ""}`, { concurrency: true }, async (t) => {
    const scenarios = Object.entries(SCENARIOS).map(([name, run]) =>
      t.test(name, async () => run(await client(version, profile))));
    await Promise.all(scenarios);
  });
}
