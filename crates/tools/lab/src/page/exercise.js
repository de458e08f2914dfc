// An exercise's box: its verdict at each save, and hints, one step at a time.

import { button, make, visible } from "./make.js";
import { ask, follow } from "./server.js";

export class Exercise {
  constructor(section, name, standing) {
    this.section = section;
    this.name = name;
    const bar = make("div", "lab-bar");
    this.start = button("Check on each save", () => this.toggle());
    this.start.className = "lab-run";
    this.help = button("Hint", () => this.hint());
    this.says = make("p", "lab-says");
    this.says.setAttribute("role", "status");
    bar.append(this.start, this.help, this.says);
    this.verdict = make("div", "lab-verdict");
    this.hints = make("div", "lab-hints");
    section.append(bar, this.verdict, this.hints);
    this.given = 0;
    this.stands(standing);
    addEventListener("pagehide", () => this.ending?.abort());
  }

  stands(standing) {
    this.standing = standing;
    this.section.classList.toggle("passed", standing.passed);
    const { passed, points, max, hints, of } = standing;
    if (!this.ending) this.tell(passed ? `Passed: ${points} of ${max} points.` : points ? `So far ${points} of ${max} points.` : `${max} points.`);
    this.help.textContent = hints ? `Hint (${hints} of ${of} read)` : "Hint";
    if (standing.editor && !this.opens) {
      this.opens = make("a", "lab-open", "Open it in your editor");
      this.opens.href = standing.editor;
      this.start.after(this.opens);
    }
    if (standing.solution && !this.answer) {
      this.answer = make("p", "caption", "The answer, and the mistake that tempts most: ");
      this.answer.append(make("code", "", standing.solution));
      this.section.append(this.answer);
    }
  }

  tell(text) {
    this.says.textContent = text;
  }

  async toggle() {
    if (this.ending) {
      this.ending.abort();
      return;
    }
    const ending = this.ending = new AbortController();
    this.start.textContent = "Stop checking";
    await follow("exercise", { exercise: this.name }, ending.signal, (message) => this.hear(message));
    this.ending = null;
    this.start.textContent = "Check on each save";
    this.stands(this.standing);
  }

  hear(message) {
    switch (message.is) {
      case "standing":
        this.stands(message);
        break;
      case "checking":
        this.tell("Checks …");
        break;
      case "building":
        this.tell(`Builds: ${message.text.trim()}`);
        break;
      case "report":
        this.report(message);
        break;
      case "error":
        this.tell(message.text);
        break;
    }
  }

  report({ status, points, max, verdict, waiting, warnings }) {
    this.verdict.className = `lab-verdict ${status}`;
    const words = {
      pass: `Passed: ${points} of ${max} points.`,
      fail: `Not yet: ${points} of ${max} points.`,
      environment: `This machine can't show all of it: ${points} of ${max} points.`,
      error: "The grader could not do its part.",
    };
    this.tell(`${words[status]} Save the file, and it is checked again.`);
    const parts = [];
    if (verdict) {
      parts.push(make("p", "cause", verdict.cause));
      if (verdict.evidence.length) {
        parts.push(make("p", "heading", "What was seen:"));
        const list = make("ul", "lab-why");
        list.append(...verdict.evidence.map((line) => {
          const item = make("li");
          item.append(make("span", "evidence", visible(line)));
          return item;
        }));
        parts.push(list);
      }
      if (verdict.question) parts.push(make("p", "question", `To think about: ${verdict.question}`));
      if (waiting) parts.push(make("p", "more", waiting === 1 ? "One more fact waits behind this one." : `${waiting} more facts wait behind this one.`));
    }
    for (const warning of warnings) parts.push(make("pre", "lab-output", warning));
    this.verdict.replaceChildren(...parts);
  }

  async hint() {
    const { of } = this.standing;
    if (this.given >= of) return;
    const answer = await ask("hint", { exercise: this.name, number: this.given + 1 });
    if (!answer.ok) {
      this.tell(answer.text);
      return;
    }
    const { number, text } = answer.body;
    this.given = number;
    this.hints.append(make("p", "heading", `Hint ${number} of ${of}`), ...prose(text));
    this.help.textContent = number < of ? "Next hint" : "Hint";
    this.help.setAttribute("aria-disabled", String(number >= of));
  }
}

// A hint's Markdown has paragraphs, fenced code, links and `code`; all of it ends as text.
const prose = (text) => text.trim().split(/```\w*\n([\s\S]*?)```/).flatMap((part, index) => {
  if (index % 2) {
    const block = make("pre");
    block.append(make("code", "", part));
    return [block];
  }
  return part.trim().split(/\n\n+/).filter(Boolean).map((paragraph) => {
    const made = make("p");
    const plain = paragraph.replace(/\s*\n\s*/g, " ").replace(/\[([^\]]*)\]\([^)]*\)/g, "$1");
    made.append(...plain.split(/`([^`]*)`/).map((piece, at) => (at % 2 ? make("code", "", piece) : piece)));
    return made;
  });
});
