// The page in Chromium, against a running server: `COPILOT_URL` (no sign-in, a model that answers
// as `tests/it/tests/it/browser.rs` says), `COPILOT_JWT_URL` and `COPILOT_TOKEN`.
// Screenshots go to `COPILOT_SHOTS`, if that names a folder.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { connect, createServer } from "node:net";
import { chromium } from "playwright-core";

const URL = process.env.COPILOT_URL;
const LIMIT = 15_000;
const axe = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

let browser;
before(async () => {
  const executablePath = process.env.CHROMIUM ?? "/usr/bin/chromium";
  browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] });
});
after(() => browser?.close());

/** A new visitor; whatever the page complains about fails the test. */
async function visit(run, { url = URL, isExpected = () => false, ...options } = {}) {
  const context = await browser.newContext({ viewport: { width: 1200, height: 800 }, ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(LIMIT);
  const complaints = [];
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("console", (line) => {
    if (line.type() === "error" && !isExpected(line.text())) complaints.push(line.text());
  });
  page.on("dialog", (dialog) => dialog.accept());
  await page.goto(url);
  try {
    await run(page, context);
    assert.deepEqual(complaints, []);
  } catch (error) {
    const shown = await page.locator("main").innerText().catch(String);
    error.message += `\nThe page complained of ${JSON.stringify(complaints)} and showed:\n${shown}`;
    throw error;
  } finally {
    await context.close();
  }
}

const say = async (page, text) => {
  await page.getByLabel("Message", { exact: true }).fill(text);
  await page.keyboard.press("Enter");
  await page.locator("article.user", { hasText: text }).waitFor();
};
const answers = (page) => page.locator("article.assistant");
const isDone = (page) => page.waitForFunction(() => !document.querySelector("article.live") && document.getElementById("stop").hidden);
const shot = async (page, name) => {
  if (process.env.COPILOT_SHOTS) await page.screenshot({ path: `${process.env.COPILOT_SHOTS}/${name}.png` });
};
const lost = (text) => text.includes("Failed to load resource: net::ERR_");

/** A line to the server that breaks when it is told to, open connections included. */
async function brittleLine() {
  const { hostname, port } = new globalThis.URL(URL);
  const sockets = new Set();
  let isCut = false;
  const server = createServer((client) => {
    if (isCut) return client.destroy();
    const upstream = connect(Number(port), hostname);
    for (const [from, to] of [[client, upstream], [upstream, client]]) {
      sockets.add(from);
      from.pipe(to);
      from.on("error", () => to.destroy());
      from.on("close", () => {
        sockets.delete(from);
        to.destroy();
      });
    }
  });
  await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
  const breakAll = () => sockets.forEach((socket) => socket.destroy());
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    cut: () => {
      isCut = true;
      breakAll();
    },
    mend: () => (isCut = false),
    close: () => {
      breakAll();
      server.close();
    },
  };
}

const WORDS = Array.from({ length: 60 }, (_, number) => `word${number}`);

test("a conversation with tools, Markdown and a title", () => visit(async (page) => {
  await page.getByRole("heading", { name: "What can I do for you?" }).waitFor();
  await shot(page, "welcome");
  await say(page, "rich");
  await isDone(page);
  const answer = answers(page).last();
  assert.equal(await answer.locator("h4").first().innerText(), "A plan");
  assert.equal(await answer.locator("table tbody tr").count(), 2);
  assert.equal(await answer.locator("pre code").count(), 1 + (await answer.locator(".card pre code").count()));
  assert.equal(await answer.locator("a[href='https://example.org/']").getAttribute("rel"), "noopener noreferrer");
  assert.match(await answer.locator(".reasoning > summary").first().innerText(), /Thoughts/);
  const card = answer.locator(".card");
  assert.match(await card.locator("summary").innerText(), /search docs/i);
  await card.locator("summary").click();
  assert.ok((await card.locator(".found li").count()) > 0);
  await page.locator("#sessions .name", { hasText: "rich" }).waitFor();
  assert.equal(await page.locator("#title").innerText(), "rich");
  await shot(page, "conversation");
  await page.getByLabel("Switch between dark and light").click();
  await shot(page, "conversation-dark");
  // What was stored is what was streamed.
  const seen = await answer.locator(".parts").innerText();
  await page.reload();
  await page.locator("article.assistant h4").first().waitFor();
  const again = answers(page).last();
  await again.locator(".card summary").click();
  const reloaded = await again.locator(".parts").innerText();
  assert.equal(reloaded, seen);
}));

test("a stopped answer keeps its text and says so", () => visit(async (page) => {
  await say(page, "slow");
  await answers(page).getByText("word5").waitFor();
  await page.keyboard.press("Escape");
  await page.getByText("Stopped.").waitFor();
  await isDone(page);
  assert.ok(!(await answers(page).innerText()).includes("word59"));
}));

test("a reload in the middle of an answer goes on", () => visit(async (page) => {
  await say(page, "slow");
  await answers(page).getByText("word5").waitFor();
  await page.reload();
  await answers(page).getByText("word59").waitFor();
  await isDone(page);
  assert.equal(await answers(page).count(), 1);
  assert.equal((await answers(page).locator(".markdown").innerText()).trim(), WORDS.join(" "));
}));

test("an answer goes on after the network was lost", async () => {
  const line = await brittleLine();
  try {
    await visit(async (page) => {
      const cursors = [];
      page.on("request", (request) => {
        const cursor = request.headers()["last-event-id"];
        if (cursor) cursors.push(cursor);
      });
      await say(page, "slow");
      await answers(page).getByText("word3").waitFor();
      line.cut();
      await page.getByText("The connection is lost").waitFor();
      line.mend();
      await answers(page).getByText("word59").waitFor();
      await isDone(page);
      assert.equal((await answers(page).locator(".markdown").innerText()).trim(), WORDS.join(" "));
      assert.ok(cursors.length > 0, "it came back by cursor");
    }, { url: line.url, isExpected: lost });
  } finally {
    line.close();
  }
});

test("a second message waits, and is answered next", () => visit(async (page) => {
  await say(page, "slow");
  await answers(page).getByText("word5").waitFor();
  await say(page, "short");
  await page.getByText("waits for the answer above").waitFor();
  await page.getByRole("button", { name: "Answer it now" }).click();
  await answers(page).getByText("A short answer.").waitFor();
  await isDone(page);
  assert.equal(await page.getByText("waits for the answer above").count(), 0);
  const order = await page.locator("article").evaluateAll((all) => all.map((one) => one.className.split(" ")[0]));
  assert.deepEqual(order, ["user", "assistant", "user", "assistant"]);
}));

test("an error says what to do", () => visit(async (page) => {
  await say(page, "fail");
  const error = answers(page).locator(".error");
  await error.waitFor();
  assert.ok((await error.innerText()).length > 10);
  await isDone(page);
}));

test("conversations are renamed and deleted", () => visit(async (page) => {
  await say(page, "short");
  await isDone(page);
  const row = page.locator("#sessions li.current");
  await row.hover();
  await row.getByLabel(/^Rename/).click();
  await page.getByLabel("Title").fill("A name of my own");
  await page.keyboard.press("Enter");
  await page.locator("#title", { hasText: "A name of my own" }).waitFor();
  const before = await page.locator("#sessions li").count();
  await row.hover();
  await row.getByLabel(/^Delete/).click();
  await page.getByRole("heading", { name: "What can I do for you?" }).waitFor();
  assert.equal(await page.locator("#sessions li").count(), before - 1);
}));

test("nothing that a model or a tool says becomes markup", () => visit(async (page) => {
  await say(page, "evil");
  await isDone(page);
  const answer = answers(page).last();
  await answer.locator(".card summary").first().click();
  assert.equal(await page.evaluate(() => globalThis.stolen), undefined);
  assert.equal(await answer.locator("script, img, iframe, style, object").count(), 0);
  const targets = await answer.locator("a").evaluateAll((links) => links.map((link) => link.protocol));
  assert.ok(targets.every((protocol) => ["http:", "https:", "mailto:"].includes(protocol)), String(targets));
}));

test("it can be used by keyboard alone, and passes the accessibility rules", () => visit(async (page) => {
  await page.getByRole("heading", { name: "What can I do for you?" }).waitFor();
  await page.getByRole("button", { name: /How do I resume/ }).focus();
  await page.keyboard.press("Enter");
  assert.equal(await page.evaluate(() => document.activeElement.id), "message");
  await page.getByLabel("Message", { exact: true }).fill("rich");
  await page.keyboard.press("Enter");
  await isDone(page);
  for (const theme of ["light", "dark"]) {
    await page.evaluate((chosen) => (document.documentElement.dataset.theme = chosen), theme);
    // By the protocol, which the page's policy does not concern.
    await page.evaluate(axe);
    const { violations } = await page.evaluate(() => globalThis.axe.run({ runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"] }));
    const told = violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html).join(" ")}`);
    assert.deepEqual(told, [], theme);
  }
}));

test("it fits a phone", () => visit(async (page) => {
  await say(page, "rich");
  await isDone(page);
  await shot(page, "phone");
  const { inner, scroll } = await page.evaluate(() => ({ inner: innerWidth, scroll: document.documentElement.scrollWidth }));
  assert.ok(scroll <= inner, `${scroll} of ${inner}`);
  await page.getByLabel("Open the list of conversations").click();
  await page.getByRole("button", { name: "New conversation" }).waitFor();
  await shot(page, "phone-list");
  await page.getByRole("button", { name: "New conversation" }).click();
  await page.getByRole("heading", { name: "What can I do for you?" }).waitFor();
}, { viewport: { width: 390, height: 780 }, colorScheme: "dark" }));

test("it asks for a token where one is needed", () => visit(async (page) => {
  const dialog = page.getByRole("dialog");
  await dialog.waitFor();
  await page.getByLabel("Token", { exact: true }).fill(process.env.COPILOT_TOKEN);
  await dialog.getByRole("button", { name: "Use this token" }).click();
  await say(page, "short");
  await answers(page).getByText("A short answer.").waitFor();
}, { url: process.env.COPILOT_JWT_URL, isExpected: (text) => text.includes("401") }));
