// What a stream's events make: a message of parts, as the AI SDK calls them.

export class Answer {
  constructor() {
    this.clear();
  }

  /** Forgets everything: it is told again from its beginning. */
  clear() {
    this.parts = [];
    this.metadata = {};
    this.error = undefined;
    this.isAborted = false;
    this.isFinished = false;
    this.stepAt = 0;
    this.blocks = new Map();
  }

  get turnId() {
    return this.metadata.turnId;
  }

  push(event) {
    switch (event.type) {
      case "start":
        this.id = event.messageId;
        Object.assign(this.metadata, event.messageMetadata);
        break;
      case "start-step":
        this.stepAt = this.parts.length;
        this.parts.push({ type: "step-start" });
        break;
      case "reset-step":
        this.parts.length = this.stepAt + 1;
        this.blocks.clear();
        break;
      case "text-start":
      case "reasoning-start":
        this.#begin(event);
        break;
      case "text-delta":
      case "reasoning-delta": {
        const part = this.blocks.get(event.id);
        if (part) part.text += event.delta;
        break;
      }
      case "text-end":
      case "reasoning-end": {
        const part = this.blocks.get(event.id);
        if (part) part.state = "done";
        break;
      }
      case "tool-input-start":
        this.#tool(event, { state: "input-streaming", inputText: "" });
        break;
      case "tool-input-delta": {
        const part = this.#call(event.toolCallId);
        if (part) part.inputText = (part.inputText ?? "") + event.inputTextDelta;
        break;
      }
      case "tool-input-available":
        this.#tool(event, { state: "input-available", input: event.input });
        break;
      case "tool-input-error":
        this.#tool(event, { state: "output-error", input: event.input, errorText: event.errorText });
        break;
      case "tool-output-available":
        this.#tool(event, { state: "output-available", output: event.output });
        break;
      case "tool-output-error":
        this.#tool(event, { state: "output-error", errorText: event.errorText });
        break;
      case "source-url":
      case "source-document":
      case "file":
        this.parts.push(event);
        break;
      case "data-error":
        this.error = event.data;
        break;
      case "error":
        this.error ??= { message: event.errorText };
        break;
      case "abort":
        this.isAborted = true;
        break;
      case "finish":
        Object.assign(this.metadata, event.messageMetadata);
        this.isFinished = true;
        break;
    }
  }

  #begin(event) {
    const part = { type: event.type.replace("-start", ""), text: "", state: "streaming" };
    this.blocks.set(event.id, part);
    this.parts.push(part);
  }

  #call(id) {
    return this.parts.findLast((part) => part.toolCallId === id);
  }

  #tool(event, change) {
    let part = this.#call(event.toolCallId);
    if (!part) {
      part = { type: "tool", toolName: event.toolName, toolCallId: event.toolCallId };
      this.parts.push(part);
    }
    Object.assign(part, change);
  }
}
