// Stored messages as what a stream would have made of them.

import { Answer } from "./fold.js";

/** `{user}` and `{answer}` entries, in order. */
export function entriesOf(messages) {
  const entries = [];
  let open;
  for (const message of messages) {
    const isOpening = message.role === "user";
    if (isOpening) {
      entries.push({ user: message });
      open = undefined;
    } else if (message.role === "assistant" || message.role === "tool") {
      if (!open || open.turnId !== message.turn_id) {
        open = { turnId: message.turn_id, answer: new Answer() };
        open.answer.isFinished = true;
        entries.push(open);
      }
      add(open.answer, message);
    }
  }
  return entries;
}

function add(answer, message) {
  if (message.role === "tool") {
    const part = answer.parts.findLast((one) => one.toolCallId === message.tool_call_id);
    if (part) Object.assign(part, { state: "output-available", output: parsed(message.content) });
    return;
  }
  if (message.content) answer.parts.push({ type: "text", text: message.content, state: "done" });
  for (const call of message.tool_calls ?? []) {
    answer.parts.push({
      type: "tool",
      toolName: call.function.name,
      toolCallId: call.id,
      state: "input-available",
      input: parsed(call.function.arguments),
    });
  }
  const { usage, finish_reason: reason, error } = message.metadata ?? {};
  if (usage) answer.metadata.usage = usage;
  if (reason) answer.metadata.finishReason = reason;
  if (error) answer.error = error;
  if (reason === "interrupted") answer.isAborted = true;
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
