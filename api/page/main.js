// The page: which conversation is open, and what goes where.

import * as api from "./api.js";
import { Chat } from "./chat.js";
import { Composer } from "./composer.js";
import { Conversation } from "./conversation.js";
import { byId, el } from "./dom.js";
import { Sessions } from "./sessions.js";

const THEME = "copilot-theme";

const conversation = new Conversation();
let chat;

const sessions = new Sessions({
  open: (session) => go(session.id),
  renamed: (id) => id === chat?.sessionId && showTitle(id),
  deleted: (id) => id === chat?.sessionId && go(),
  failed: fail,
});

const composer = new Composer({
  send,
  stop: () => chat?.stop().catch(fail),
  upload: async (file) => api.uploadFile((await current()).sessionId, file),
  failed: fail,
});

/** Opens a conversation; without an id a new one, which is made with its first message. */
function go(id) {
  const place = id ? `#${id}` : location.pathname + location.search;
  if (location.hash !== (id ? `#${id}` : "")) history.pushState(null, "", place);
  return open(id);
}

async function open(id) {
  chat?.close();
  chat = undefined;
  composer.busy(false);
  status("");
  notice();
  document.body.classList.remove("listing");
  byId("shade").hidden = true;
  sessions.select(id);
  showTitle(id);
  if (!id) {
    conversation.welcome((question) => composer.fill(question));
    composer.box.focus();
    return;
  }
  conversation.clear();
  chat = newChat(id);
  try {
    await chat.load();
  } catch (error) {
    if (error.status === 404) {
      notice("This conversation is not there, or not yours.");
      conversation.welcome((question) => composer.fill(question));
      chat = undefined;
    } else fail(error);
  }
}

function newChat(id) {
  return new Chat(id, conversation, {
    busy: (isBusy) => composer.busy(isBusy),
    status,
    title: (session, title) => {
      sessions.setTitle(session, title);
      if (session === chat?.sessionId) showTitle(session);
    },
    failed: fail,
    ended: () => sessions.load().then(() => showTitle(chat?.sessionId)).catch(fail),
  });
}

/** The open chat; a new conversation is made. */
async function current() {
  if (chat) return chat;
  const session = await api.createSession();
  history.pushState(null, "", `#${session.id}`);
  chat = newChat(session.id);
  sessions.setTitle(session.id, undefined);
  sessions.select(session.id);
  return chat;
}

async function send(text, files) {
  notice();
  try {
    await (await current()).send(text, files);
  } catch (error) {
    composer.fill(text);
    fail(error);
  }
}

function showTitle(id) {
  const title = sessions.titleOf(id);
  byId("title").textContent = title;
  document.title = id ? `${title} · Copilot` : "Copilot";
}

function status(text) {
  byId("status").textContent = text;
}

function notice(...content) {
  const node = byId("notice");
  node.hidden = content.length === 0;
  node.replaceChildren(...content);
}

/** Says what went wrong and what helps. */
function fail(error) {
  if (error.name === "AbortError") return;
  if (error.status === 401) {
    askToken(api.token.get() ? "The token is not valid any more, or not for this server." : undefined);
    return;
  }
  const close = el("button", { type: "button", class: "link", onclick: () => notice() }, "Close");
  const wait = error.retryAfter ? ` Try again in ${error.retryAfter} s.` : "";
  const told = error instanceof api.Problem ? error.message + wait : "The server cannot be reached. Is it running?";
  notice(told, " ", close);
}

function askToken(text) {
  const dialog = byId("token-dialog");
  if (text) byId("token-text").textContent = text;
  if (!dialog.open) dialog.showModal();
}

byId("token-dialog").addEventListener("close", () => {
  const input = byId("token");
  if (byId("token-dialog").returnValue === "use") {
    api.token.set(input.value.trim());
    start();
  }
  input.value = "";
});
byId("sign-in").addEventListener("click", () => askToken());
byId("new-session").addEventListener("click", () => go());
byId("open-sidebar").addEventListener("click", () => {
  document.body.classList.add("listing");
  byId("shade").hidden = false;
  byId("new-session").focus();
});
for (const id of ["close-sidebar", "shade"]) {
  byId(id).addEventListener("click", () => {
    document.body.classList.remove("listing");
    byId("shade").hidden = true;
  });
}
byId("theme").addEventListener("click", () => {
  const isDark = getComputedStyle(document.documentElement).colorScheme === "dark";
  setTheme(isDark ? "light" : "dark");
});
addEventListener("popstate", () => open(location.hash.slice(1) || undefined));

function setTheme(theme) {
  localStorage.setItem(THEME, theme);
  document.documentElement.dataset.theme = theme;
}

async function start() {
  // At once: whoever is quick may write before the list is there.
  const opening = open(location.hash.slice(1) || undefined);
  try {
    await sessions.load();
    showTitle(chat?.sessionId);
    if (await api.offersFiles()) composer.offerFiles();
  } catch (error) {
    fail(error);
  }
  await opening;
}

const kept = localStorage.getItem(THEME);
if (kept) document.documentElement.dataset.theme = kept;
start();
