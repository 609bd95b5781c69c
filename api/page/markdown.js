// Markdown as nodes, block by block, so that a growing text redraws its last block only.
// It knows what models write; whatever else comes stays text.

import { el, link } from "./dom.js";

const FENCE = /^ {0,3}(`{3,}|~{3,})\s*([\w+#.-]*)/;
const HEADING = /^(#{1,6})\s+(.*?)\s*#*$/;
const RULE = /^ {0,3}([-*_])(?:\s*\1){2,}\s*$/;
const ITEM = /^(\s*)([-*+]|\d{1,9}[.)])\s+(.*)$/;
const QUOTE = /^ {0,3}> ?/;
const DIVIDER = /^ {0,3}\|?\s*:?-+:?\s*(\|\s*:?-+:?\s*)*\|?\s*$/;
const INLINE =
  /(`+)(.+?)\1(?!`)|!?\[([^\]]*)\]\(\s*<?([^\s)>]+)>?(?:\s+"[^"]*")?\s*\)|(https?:\/\/[^\s<>"')\]]+[^\s<>"')\].,;:!?])|(\*\*|__)(?=\S)(.+?)(?<=\S)\6|(~~)(?=\S)(.+?)(?<=\S)\8|(?<![\w*])(\*|_)(?=[^\s*_])(.+?)(?<=[^\s*_])\10(?![\w*])/s;

/** Draws `text` into `container`; blocks that did not change stay as they are. */
export function drawMarkdown(container, text) {
  const sources = blocksOf(text.replaceAll("\r\n", "\n"));
  sources.forEach((source, place) => {
    const old = container.children[place];
    if (old?.source === source) return;
    const block = blockNode(source);
    block.source = source;
    if (old) old.replaceWith(block);
    else container.append(block);
  });
  while (container.children.length > sources.length) container.lastElementChild.remove();
}

/** Cuts a text into the sources of its blocks. */
function blocksOf(text) {
  const lines = text.split("\n");
  const blocks = [];
  let at = 0;
  const take = (goesOn) => {
    const begin = at;
    at += 1;
    while (at < lines.length && goesOn(lines[at], at)) at += 1;
    blocks.push(lines.slice(begin, at).join("\n"));
  };
  while (at < lines.length) {
    const line = lines[at];
    const fence = FENCE.exec(line);
    if (!line.trim()) at += 1;
    else if (fence) takeFence(fence[1]);
    else if (HEADING.test(line) || RULE.test(line)) take(() => false);
    else if (QUOTE.test(line)) take((next) => QUOTE.test(next));
    else if (ITEM.test(line)) take((next, place) => isOfList(next, place));
    else if (isTable(at)) take((next) => next.includes("|"));
    else take((next, place) => next.trim() && !opensBlock(next, place));
  }
  return blocks;

  function takeFence(mark) {
    const begin = at;
    at += 1;
    while (at < lines.length && !lines[at].trim().startsWith(mark)) at += 1;
    at = Math.min(at + 1, lines.length);
    blocks.push(lines.slice(begin, at).join("\n"));
  }

  function isOfList(next, place) {
    if (ITEM.test(next) || /^\s+\S/.test(next)) return true;
    return !next.trim() && /^(\s+\S|\s*([-*+]|\d{1,9}[.)])\s)/.test(lines[place + 1] ?? "");
  }

  function isTable(place) {
    return lines[place].includes("|") && DIVIDER.test(lines[place + 1] ?? "") && lines[place + 1].includes("-");
  }

  function opensBlock(next, place) {
    return FENCE.test(next) || HEADING.test(next) || RULE.test(next) || QUOTE.test(next) || ITEM.test(next) || isTable(place);
  }
}

function blockNode(source) {
  const [first] = source.split("\n");
  const fence = FENCE.exec(first);
  if (fence) return codeBlock(source, fence);
  const heading = HEADING.exec(first);
  if (heading) return el(`h${Math.min(heading[1].length + 2, 6)}`, {}, inline(heading[2]));
  if (RULE.test(first)) return el("hr");
  if (QUOTE.test(first)) {
    const quote = el("blockquote");
    drawMarkdown(quote, source.split("\n").map((line) => line.replace(QUOTE, "")).join("\n"));
    return quote;
  }
  if (ITEM.test(first)) return list(source.split("\n"));
  if (first.includes("|") && DIVIDER.test(source.split("\n")[1] ?? "")) return table(source.split("\n"));
  return el("p", {}, inline(source));
}

function codeBlock(source, [, mark, language]) {
  const lines = source.split("\n").slice(1);
  if (lines.at(-1)?.trim().startsWith(mark)) lines.pop();
  return codeView(lines.join("\n"), language);
}

/** Code with its language and a button that copies it. */
export function codeView(text, language = "") {
  const copy = el("button", { type: "button", class: "copy" }, "Copy");
  copy.addEventListener("click", async () => {
    await navigator.clipboard.writeText(text);
    copy.textContent = "Copied";
    setTimeout(() => (copy.textContent = "Copy"), 1500);
  });
  return el(
    "figure",
    { class: "code" },
    el("figcaption", {}, language || "text", copy),
    el("pre", { tabIndex: 0 }, el("code", {}, text)),
  );
}

function list(lines) {
  const [, indent, mark] = ITEM.exec(lines[0]);
  const isOrdered = /\d/.test(mark);
  const node = el(isOrdered ? "ol" : "ul", isOrdered ? { start: parseInt(mark, 10) } : {});
  let own = [];
  const close = () => {
    if (own.length === 0) return;
    const [text, ...rest] = own;
    const item = el("li", {}, inline(text));
    const inner = rest.map((line) => line.slice(Math.min(indent.length + 2, line.search(/\S|$/))));
    if (inner.some((line) => line.trim())) {
      const more = el("div");
      drawMarkdown(more, inner.join("\n"));
      item.append(...more.childNodes);
    }
    node.append(item);
  };
  for (const line of lines) {
    const item = ITEM.exec(line);
    if (item && item[1].length <= indent.length) {
      close();
      own = [item[3]];
    } else {
      own.push(line);
    }
  }
  close();
  return node;
}

function table(lines) {
  const cells = (line) =>
    line.trim().replace(/^\||\|$/g, "").split(/(?<!\\)\|/).map((cell) => cell.trim().replaceAll("\\|", "|"));
  const [head, , ...rows] = lines.filter((line) => line.trim());
  const row = (line, tag) => el("tr", {}, cells(line).map((cell) => el(tag, {}, inline(cell))));
  return el(
    "div",
    { class: "table", tabIndex: 0 },
    el("table", {}, el("thead", {}, row(head, "th")), el("tbody", {}, rows.map((line) => row(line, "td")))),
  );
}

/** Nodes of a text with emphasis, code and links. */
export function inline(text) {
  const nodes = [];
  let rest = text;
  for (let found; (found = INLINE.exec(rest)); ) {
    if (found.index > 0) nodes.push(...broken(rest.slice(0, found.index)));
    nodes.push(inlineNode(found));
    rest = rest.slice(found.index + found[0].length);
  }
  if (rest) nodes.push(...broken(rest));
  return nodes;
}

function inlineNode([whole, , code, label, target, address, , strong, , struck, , emphasis]) {
  if (code !== undefined) return el("code", {}, code.trim() || code);
  // An image is not fetched: whoever wrote the text would learn that it was read.
  if (target !== undefined) return link(target, label ? inline(label) : target);
  if (address !== undefined) return link(address, address);
  if (strong !== undefined) return el("strong", {}, inline(strong));
  if (struck !== undefined) return el("del", {}, inline(struck));
  if (emphasis !== undefined) return el("em", {}, inline(emphasis));
  return whole;
}

/** A line's end inside a paragraph is a line's end. */
function broken(text) {
  return text.split("\n").flatMap((line, number) => (number > 0 ? [el("br"), line] : [line]));
}
