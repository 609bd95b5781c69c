// The message box.

import { byId, el } from "./dom.js";

const TALLEST = 240;

export class Composer {
  /** `on.send(text, files)`, `on.stop()`, `on.upload(file)`, `on.failed(error)`. */
  constructor(on) {
    this.on = on;
    this.form = byId("composer");
    this.box = byId("message");
    this.files = [];
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.send();
    });
    this.box.addEventListener("input", () => this.grow());
    this.box.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
        event.preventDefault();
        this.send();
      }
    });
    byId("stop").addEventListener("click", () => this.on.stop());
    addEventListener("keydown", (event) => {
      if (event.key === "Escape" && this.isBusy && !document.querySelector("dialog[open]")) this.on.stop();
    });
  }

  /** Lets files be attached, by button and by drop. */
  offerFiles() {
    const [button, input] = [byId("attach"), byId("file-input")];
    button.hidden = false;
    button.addEventListener("click", () => input.click());
    input.addEventListener("change", () => {
      this.attach(input.files);
      input.value = "";
    });
    const main = document.querySelector("main");
    main.addEventListener("dragover", (event) => event.preventDefault());
    main.addEventListener("drop", (event) => {
      event.preventDefault();
      this.attach(event.dataTransfer.files);
    });
  }

  async attach(files) {
    for (const file of files) {
      try {
        this.files.push(await this.on.upload(file));
        this.drawFiles();
      } catch (error) {
        this.on.failed(error);
      }
    }
  }

  drawFiles() {
    const list = byId("files");
    list.hidden = this.files.length === 0;
    list.replaceChildren(...this.files.map((file) =>
      el("li", {}, file.name, el("button", {
        type: "button",
        class: "icon",
        "aria-label": `Remove ${file.name}`,
        onclick: () => {
          this.files = this.files.filter((one) => one !== file);
          this.drawFiles();
        },
      }, "✕"))));
  }

  send() {
    const text = this.box.value.trim();
    if (!text && this.files.length === 0) return;
    const files = this.files;
    this.files = [];
    this.drawFiles();
    this.box.value = "";
    this.grow();
    this.on.send(text, files);
  }

  /** Puts a text back, or there. */
  fill(text) {
    this.box.value = text;
    this.grow();
    this.box.focus();
  }

  busy(isBusy) {
    this.isBusy = isBusy;
    byId("stop").hidden = !isBusy;
    this.box.placeholder = isBusy ? "Ask the next thing; it waits its turn" : "Ask anything";
  }

  grow() {
    this.box.style.height = "auto";
    this.box.style.height = `${Math.min(this.box.scrollHeight, TALLEST)}px`;
  }
}
