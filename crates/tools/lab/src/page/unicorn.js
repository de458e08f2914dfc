// What a program with processes worth watching shows besides: who is there, with the signals that one can send; and for a
// server, requests, one at a time or many.

import { button, make, visible } from "./make.js";
import { ask, follow } from "./server.js";

// Who is there: parents above their children, the newly born and the newly gone marked for a moment.
export class Family {
  constructor(signals, send) {
    this.signals = signals;
    this.send = send;
    this.list = make("ul", "lab-family");
    this.list.setAttribute("aria-label", "Processes");
    this.rows = new Map();
  }

  show(processes) {
    const depth = new Map();
    for (const { pid, parent } of processes) depth.set(pid, (depth.get(parent) ?? -1) + 1);
    for (const [pid, row] of this.rows) {
      if (!depth.has(pid)) this.bury(pid, row);
    }
    let above = null;
    for (const process of processes) {
      const row = this.rows.get(process.pid) ?? this.born(process, above);
      row.item.style.marginInlineStart = `${1.5 * depth.get(process.pid)}em`;
      row.item.classList.toggle("zombie", process.zombie);
      // Written only where it differs: a reader may be selecting it.
      if (row.name.textContent !== process.name) row.name.textContent = process.name;
      if (row.does.textContent !== process.does) row.does.textContent = process.does;
      above = row.item;
    }
  }

  born({ pid }, above) {
    const item = make("li", "born");
    const name = make("strong"), does = make("span", "does");
    const buttons = make("span", "lab-signals");
    for (const signal of this.signals) {
      const made = button(signal, () => this.send(signal, pid));
      made.setAttribute("aria-label", `${signal} to pid ${pid}`);
      buttons.append(made);
    }
    item.append(make("code", "", String(pid)), " ", name, " ", does, buttons);
    if (above) above.after(item);
    else this.list.prepend(item);
    const row = { item, name, does };
    this.rows.set(pid, row);
    return row;
  }

  bury(pid, row) {
    this.rows.delete(pid);
    row.item.classList.add("gone");
    row.does.textContent = "is gone";
    row.item.querySelector(".lab-signals").remove();
    setTimeout(() => row.item.remove(), 3000);
  }

  end() {
    for (const [pid, row] of [...this.rows]) this.bury(pid, row);
  }
}

const PATHS = ["/", "/pid", "/ppid", "/sleep/3", "/die", "/raise", "/env"];

// The client of a server that runs.
export class Client {
  constructor(run) {
    this.run = run;
    this.box = make("div", "lab-client");
    const bar = make("div", "lab-bar");
    for (const path of PATHS) bar.append(button(`GET ${path}`, () => this.get(path)));
    this.start = button("Ask for 5 seconds, without a pause", () => this.load());
    bar.append(this.start);
    this.count = make("p", "lab-says");
    this.count.setAttribute("role", "status");
    this.log = make("pre", "lab-output");
    this.log.tabIndex = 0;
    this.log.setAttribute("role", "log");
    this.log.setAttribute("aria-label", "Answers");
    this.log.hidden = true;
    this.box.append(make("p", "heading", "You are its client:"), bar, this.count, this.log);
  }

  say(text) {
    this.log.hidden = false;
    const line = make("span", "", `${visible(text)}\n`);
    this.log.append(line);
    this.log.scrollTop = this.log.scrollHeight;
    return line;
  }

  async get(path) {
    const line = this.say(`GET ${path} …`);
    const began = performance.now();
    const answer = await ask("request", { run: this.run, path });
    const took = ((performance.now() - began) / 1000).toFixed(2);
    const said = answer.ok ? `${answer.body.status} ${answer.body.body.trim().split("\n").slice(0, 4).join("\n    ")}` : answer.text;
    line.textContent = `GET ${path}: ${visible(said)} (${took} s)\n`;
  }

  async load() {
    this.start.disabled = true;
    const ending = new AbortController();
    await follow("load", { run: this.run, seconds: 5 }, ending.signal, (count) => {
      if (count.is === "error") {
        this.count.textContent = count.text;
        return;
      }
      const { served, failed, why, over } = count;
      this.count.textContent = `${over ? "Asked" : "Asks"} without a pause: ${served} served, ${failed} failed${why ? ` (${why})` : ""}.`;
    });
    this.start.disabled = false;
  }
}
