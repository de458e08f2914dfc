// A program's listing: its Run button, and below it what the program does.

import { button, labelled, make, visible } from "./make.js";
import { ask, follow } from "./server.js";
import { Client, Family } from "./unicorn.js";

const ORDERS = [
  ["run-to-block", "each runs until it must wait"],
  ["child-first", "children first"],
  ["parent-first", "parents first"],
  ["random", "any, anew at each step"],
  ["free", "as the kernel likes"],
];

const SENTENCES = { stopped: "Stopped.", "exited with 0": "It exited with 0." };

export class Program {
  constructor(section, name, declared) {
    this.section = section;
    this.name = name;
    this.declared = declared;
    this.caption = section.querySelector(":scope > .caption");
    this.start = button("Run", () => (this.ending ? this.stop() : this.run()));
    this.start.className = "lab-run";
    this.start.setAttribute("aria-label", `Run ${section.dataset.program}`);
    this.caption.prepend(this.start);
    this.fields = declared.arguments.map(({ name, value, like }) => {
      const field = make("input");
      Object.assign(field, { value, pattern: like, size: Math.max(4, value.length + 1), autocomplete: "off", spellcheck: false });
      return { name, field };
    });
    if (declared.input !== null) {
      this.input = make("textarea");
      Object.assign(this.input, { value: declared.input, rows: Math.min(8, declared.input.split("\n").length), spellcheck: false });
    }
    if (this.fields.length || this.input) {
      const form = make("p", "lab-wishes");
      form.append(...this.fields.map(({ name, field }) => labelled(name, field)));
      if (this.input) form.append(labelled("standard input", this.input));
      this.caption.after(form);
    }
    // Leaving the page ends what runs. Coming back to it by the browser's cache finds it ended.
    addEventListener("pagehide", () => this.ending?.abort());
  }

  wish() {
    const order = this.order?.value;
    return {
      program: this.name,
      arguments: this.fields.map(({ field }) => field.value.trim()).filter((value) => value !== ""),
      ...(this.input && { input: this.input.value }),
      ...(order && { order }),
      ...(order === "random" && { seed: Math.floor(Math.random() * 2 ** 32) }),
    };
  }

  // What there is to see of a run, empty.
  panel() {
    const panel = make("div", "lab-panel");
    const bar = make("div", "lab-bar");
    this.says = make("p", "lab-says");
    this.says.setAttribute("role", "status");
    bar.append(this.says);
    this.family = new Family(this.declared.signals, (signal, pid) => this.send(signal, pid));
    this.client = make("div");
    this.output = make("pre", "lab-output");
    this.output.tabIndex = 0;
    this.output.setAttribute("role", "log");
    this.output.setAttribute("aria-label", `What ${this.section.dataset.program} writes`);
    this.output.hidden = true;
    this.why = make("ul", "lab-why");
    this.picture = make("div", "lab-picture");
    // While a reader is in the picture, it is not taken away.
    this.picture.addEventListener("focusin", () => { this.held = true; });
    panel.append(bar, this.family.list, this.client, this.output, this.why, this.picture);
    if (!this.declared.undrawn) panel.append(this.again());
    return panel;
  }

  // Another order of who runs next.
  again() {
    const again = make("p", "lab-again");
    const order = make("select");
    for (const [value, text] of ORDERS) order.append(new Option(text, value));
    order.value = this.order?.value ?? ORDERS[0][0];
    this.order = order;
    again.append(labelled("Who runs next, where several could:", order), button("Run again", () => this.run()));
    this.repeat = again;
    again.hidden = true;
    return again;
  }

  async run() {
    this.ending?.abort();
    if (this.fields.some(({ field }) => !field.reportValidity())) return;
    const wish = this.wish();
    this.gone();
    const panel = this.panel();
    this.shown?.remove();
    this.shown = panel;
    this.section.append(panel);
    this.held = false;
    this.waiting = null;
    const ending = this.ending = new AbortController();
    this.start.textContent = "Stop";
    this.start.setAttribute("aria-label", `Stop ${this.section.dataset.program}`);
    this.tell("Starts …");
    await follow("run", wish, ending.signal, (message) => this.hear(message));
    if (this.ending !== ending) return;
    this.ending = null;
    this.start.textContent = "Run";
    this.start.setAttribute("aria-label", `Run ${this.section.dataset.program}`);
    this.family.end();
    this.client.replaceChildren();
    if (this.repeat) this.repeat.hidden = false;
    if (this.waiting) this.show(this.waiting);
  }

  // By a wish of its own, so that how it ended is still heard.
  async stop() {
    if (!this.id) {
      this.ending?.abort();
      this.tell("Stopped.");
      return;
    }
    const answer = await ask("stop", { run: this.id });
    if (!answer.ok) this.ending?.abort();
  }

  async send(signal, pid) {
    const answer = await ask("signal", { run: this.id, signal, pid });
    if (answer.ok) this.note(`[you] SIG${signal} to pid ${pid}`);
    else this.tell(answer.text);
  }

  tell(text) {
    this.says.textContent = text;
  }

  hear(message) {
    switch (message.is) {
      case "run":
        this.id = message.id;
        break;
      case "building":
        this.tell(`Builds: ${message.text.trim()}`);
        break;
      case "compiler":
        this.tell("It does not compile.");
        this.write(message.text, "err");
        break;
      case "begun":
        this.tell("Runs …");
        break;
      case "processes":
        this.family.show(message.processes);
        break;
      case "listens":
        this.client.replaceChildren(new Client(this.id).box);
        break;
      case "out":
      case "err":
        this.write(message.text, message.is);
        break;
      case "picture":
        if (this.held) this.waiting = message.html;
        else this.show(message.html);
        break;
      case "unseen":
        this.picture.after(make("p", "lab-unseen", message.text));
        break;
      case "ended": {
        const took = (message.milliseconds / 1000).toFixed(1);
        const text = SENTENCES[message.text] ?? (message.itself ? `It was ${message.text}.` : message.text);
        const words = message.itself && message.code !== null ? `It ${message.text}.` : text;
        this.tell(`${words} (${took} s)`);
        this.why.replaceChildren(...message.why.map((line) => make("li", "", line)));
        break;
      }
      case "error":
        this.tell(message.text);
        break;
    }
  }

  write(text, stream) {
    const output = this.output;
    output.hidden = false;
    const follows = output.scrollTop + output.clientHeight >= output.scrollHeight - 8;
    const last = output.lastElementChild;
    if (last?.classList.contains(stream)) {
      last.append(visible(text));
    } else {
      const piece = make("span", stream);
      if (stream === "err") piece.title = "standard error";
      piece.append(visible(text));
      output.append(piece);
    }
    if (follows) output.scrollTop = output.scrollHeight;
  }

  note(text) {
    this.output.hidden = false;
    this.output.append(make("span", "note", `${text}\n`));
  }

  show(html) {
    this.gone();
    this.waiting = null;
    const height = this.picture.offsetHeight;
    this.picture.style.minHeight = `${height}px`;
    this.picture.innerHTML = html;
    document.dispatchEvent(new Event("trace-added"));
    this.picture.style.minHeight = "";
  }

  // The stepper of the picture that is about to go lets go of the page.
  gone() {
    this.picture?.querySelector("section.trace")?.dispatchEvent(new Event("trace-gone"));
  }
}
