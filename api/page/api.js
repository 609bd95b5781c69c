// The server's routes.

const BASE = document.querySelector('meta[name="copilot-base"]').content;
const TOKEN = "copilot-token";

/** An answer that is no success, as the server told it. */
export class Problem extends Error {
  constructor(status, body, retryAfter) {
    super(body.detail || body.title || `The server answered ${status}.`);
    this.status = status;
    this.code = body.code;
    this.retryAfter = retryAfter;
  }
}

export const token = {
  get: () => sessionStorage.getItem(TOKEN) ?? "",
  set: (value) => (value ? sessionStorage.setItem(TOKEN, value) : sessionStorage.removeItem(TOKEN)),
};

/** The response of a request; throws a Problem for an answer that is no success. */
export async function request(method, path, { body, headers = {}, signal } = {}) {
  const own = { ...headers };
  if (token.get()) own.authorization = `Bearer ${token.get()}`;
  if (body !== undefined && !(body instanceof FormData)) own["content-type"] = "application/json";
  const response = await fetch(BASE + path, {
    method,
    headers: own,
    body: body === undefined || body instanceof FormData ? body : JSON.stringify(body),
    signal,
    cache: "no-store",
  });
  if (response.ok) return response;
  const told = await response.json().catch(() => ({}));
  throw new Problem(response.status, told, Number(response.headers.get("retry-after")) || undefined);
}

const json = async (...call) => (await request(...call)).json();
const session = (id) => `/api/chat/sessions/${encodeURIComponent(id)}`;

export const listSessions = () => json("GET", "/api/chat/sessions?limit=100");
export const createSession = () => json("POST", "/api/chat/sessions", { body: {} });
export const readSession = (id) => json("GET", `${session(id)}?format=ui&profile=v7`);
export const deleteSession = (id) => request("DELETE", session(id));
export const renameSession = (id, title) => json("PATCH", `${session(id)}/title`, { body: { title } });
export const cancelTurn = (id, turn) => json("POST", `${session(id)}/cancel`, { body: { turn_id: turn } });
export const queueTurn = (id, body) => json("POST", `${session(id)}/turns`, { body });

export const startStream = (id, body, signal) =>
  request("POST", `${session(id)}/stream?profile=v7`, { body, signal });

/** Without a cursor the oldest unfinished turn; status 204 when there is none. */
export const resumeStream = (id, cursor, signal) =>
  request("GET", `${session(id)}/stream?profile=v7`, {
    headers: cursor ? { "last-event-id": cursor } : {},
    signal,
  });

/** A turn from its beginning, also when it has ended. */
export const replayStream = (id, turn, signal) =>
  request("GET", `${session(id)}/turns/${encodeURIComponent(turn)}/stream?profile=v7`, { signal });

/** Whether this server keeps files. */
export async function offersFiles() {
  const spec = await json("GET", "/openapi.json");
  return "/api/workspace/files/upload" in spec.paths;
}

export async function uploadFile(id, file) {
  const body = new FormData();
  body.append("file", file, file.name);
  return json("POST", `/api/workspace/files/upload?session_id=${encodeURIComponent(id)}`, { body });
}
