// A tool call as a card: what it was asked, and what came out, each kind of result in its own way.

import { el, link } from "./dom.js";
import { codeView, drawMarkdown } from "./markdown.js";

const STATES = {
  "input-streaming": "writing its input",
  "input-available": "running",
  "output-available": "done",
  "output-error": "failed",
};

/** The card of a call; `isOver`: its turn has ended. */
export function toolCard(part, isOver) {
  const isFailed = part.state === "output-error" || part.output?.type === "error";
  const isBusy = part.state.startsWith("input-") && !isOver;
  const state = isFailed ? "failed" : isBusy || !isOver ? STATES[part.state] : part.output ? "done" : "stopped";
  const input = part.input ?? part.inputText;
  return el(
    "details",
    { class: `card${isFailed ? " failed" : ""}${isBusy ? " busy" : ""}`, open: isFailed },
    el(
      "summary",
      {},
      el("span", { class: "tool" }, part.toolName.replaceAll("_", " ")),
      el("span", { class: "about" }, summary(part)),
      el("span", { class: "state" }, state),
    ),
    input === undefined || input === "" ? undefined : [el("h5", {}, "Input"), value(input)],
    part.errorText ? [el("h5", {}, "Error"), el("p", {}, part.errorText)] : undefined,
    part.output === undefined ? undefined : [el("h5", {}, "Result"), result(part.output)],
  );
}

/** A few words that tell a closed card from the next one. */
function summary(part) {
  const input = part.input;
  if (input && typeof input === "object") {
    const told = input.query ?? input.path ?? input.url ?? input.command ?? input.question ?? input.filename;
    if (typeof told === "string") return told;
  }
  return "";
}

const RESULTS = {
  doc_search_results: (output) => [
    note(output),
    el("ol", { class: "found" }, list(output.results).map((found) =>
      el("li", {},
        el("strong", {}, found.doc_url ? link(found.doc_url, text(found.title)) : text(found.title)),
        el("span", { class: "place" }, [found.path, found.section].filter(Boolean).join(" · ")),
        el("p", {}, text(found.snippet))))),
  ],
  doc_page: (output) => [el("h5", {}, text(output.title)), markdown(output.content)],
  web_fetch: (output) => [
    el("p", {}, link(text(output.url), text(output.url)), ` · ${text(output.status_code)} ${text(output.content_type)}`),
    markdown(output.content),
  ],
  bash_exec: (output) => [
    output.stdout ? codeView(text(output.stdout), "output") : undefined,
    output.stderr ? codeView(text(output.stderr), "errors") : undefined,
    el("p", {}, output.timed_out ? "Timed out." : `Exit code ${text(output.exit_code)}.`),
  ],
  todo_write: (output) => el("ul", { class: "todos" }, list(output.todos).map((todo) =>
    el("li", { class: text(todo.status) }, text(todo.content), el("span", { class: "place" }, text(todo.status))))),
  no_results: (output) => [note(output), el("ul", {}, list(output.suggestions).map((one) => el("li", {}, text(one))))],
  error: (output) => [note(output), output.details ? value(output.details) : undefined],
  agent_builder_clarification_needed: (output) =>
    el("ul", {}, list(output.questions).map((one) => el("li", {}, text(one.question)))),
  block_list: (output) => [note(output), table(output.blocks, ["name", "description", "categories"])],
  agents_found: (output) => [note(output), table(output.agents, ["name", "description", "source"])],
  mcp_tools_discovered: (output) => [note(output), table(output.tools, ["name", "description"])],
  workspace_file_list: (output) => [note(output), el("ul", {}, list(output.files).map((file) => el("li", {}, fileLink(file))))],
  workspace_file_metadata: (output) => [fileLink(output), output.preview ? codeView(text(output.preview)) : undefined],
  workspace_file_written: (output) => fileLink(output),
};

function result(output) {
  const shown = RESULTS[output?.type];
  if (!shown) return value(output);
  return el("div", { class: "result" }, shown(output));
}

function fileLink(file) {
  const name = text(file.name ?? file.path ?? file.file_id);
  const size = file.size_bytes === undefined ? "" : ` · ${Math.ceil(file.size_bytes / 1024)} KB`;
  const shown = file.download_url ? link(file.download_url, name) : name;
  return el("span", { class: "file" }, shown, el("span", { class: "place" }, `${text(file.mime_type)}${size}`));
}

function table(rows, columns) {
  return el("div", { class: "table", tabIndex: 0 }, el("table", {},
    el("thead", {}, el("tr", {}, columns.map((column) => el("th", {}, column)))),
    el("tbody", {}, list(rows).map((row) => el("tr", {}, columns.map((column) => el("td", {}, text(row[column]))))))));
}

function markdown(source) {
  const node = el("div", { class: "markdown" });
  drawMarkdown(node, text(source));
  return node;
}

const note = (output) => (output.message ? el("p", {}, text(output.message)) : undefined);
const list = (items) => (Array.isArray(items) ? items : []);
const text = (item) => (typeof item === "string" ? item : item === undefined || item === null ? "" : Array.isArray(item) ? item.join(", ") : String(item));
const value = (any) => codeView(typeof any === "string" ? any : JSON.stringify(any, null, 2), "json");
