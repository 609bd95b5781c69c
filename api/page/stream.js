// Reading a turn's stream, and coming back to it.

import { Problem } from "./api.js";

const FIRST_PAUSE = 300;
const LONGEST_PAUSE = 10_000;

/** The events of one response: `{id, event}`, and `{done: true}` for `[DONE]`. */
async function* eventsOf(response) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    rest += value;
    let end;
    while ((end = rest.indexOf("\n\n")) >= 0) {
      const block = rest.slice(0, end);
      rest = rest.slice(end + 2);
      let id;
      let data = "";
      for (const line of block.split("\n")) {
        if (line.startsWith("id:")) id = line.slice(3).trim();
        else if (line.startsWith("data:")) data += line.slice(5).trimStart();
      }
      if (data === "[DONE]") yield { done: true };
      else if (data) yield { id, event: JSON.parse(data) };
    }
  }
}

/** After so many failures in a row, with jitter. */
function pause(failures, signal) {
  const longest = Math.min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** failures);
  const wait = longest * (0.5 + Math.random() / 2);
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, wait);
    const wake = () => { clearTimeout(timer); resolve(); };
    signal.addEventListener("abort", wake, { once: true });
    addEventListener("online", wake, { once: true });
  });
}

/** Whether another try may help. */
const isPassing = (error) =>
  !(error instanceof Problem) || error.status === 503 || error.status === 502 || error.status === 504;

/**
 * Follows one turn to its end, over as many responses as it takes.
 * `source.begin(signal)` asks for it from its beginning, `source.resume(cursor, signal)` for the rest.
 * `on.restart()` is called when a response tells everything from the beginning, `on.event(event)`
 * for each event, `on.away(isAway)` when the line is lost and found.
 * Gives true at the turn's end, false when there was nothing to follow.
 */
export async function follow(source, on, signal) {
  let cursor;
  let failures = 0;
  while (!signal.aborted) {
    try {
      const response = await (cursor ? source.resume(cursor, signal) : source.begin(signal));
      if (response.status === 204) return false;
      if (!cursor) on.restart();
      on.away(false);
      for await (const { id, event, done } of eventsOf(response)) {
        if (done) return true;
        failures = 0;
        if (event.type === "start" && cursor) on.restart();
        on.event(event);
        if (id) cursor = id;
      }
    } catch (error) {
      if (signal.aborted) return false;
      if (!isPassing(error)) throw error;
    }
    on.away(true);
    await pause(failures, signal);
    failures += 1;
  }
  return false;
}
