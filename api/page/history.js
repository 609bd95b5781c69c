// Stored messages, as the server tells them in the AI SDK's form, as this page shows them.

import { Answer } from "./fold.js";

/** A message of the assistant as an answer that has ended. */
export function answerOf(message) {
  const answer = new Answer();
  answer.id = message.id;
  answer.metadata = message.metadata ?? {};
  answer.parts = message.parts.map(partOf);
  answer.error = message.parts.find((part) => part.type === "data-error")?.data;
  answer.isAborted = answer.metadata.finishReason === "interrupted";
  answer.isFinished = true;
  return answer;
}

/** The text of a message of the user. */
export const textOf = (message) =>
  message.parts.filter((part) => part.type === "text").map((part) => part.text).join("\n");

function partOf(part) {
  if (!part.type.startsWith("tool-")) return part;
  return { ...part, type: "tool", toolName: part.type.slice("tool-".length), input: part.input ?? part.rawInput };
}
