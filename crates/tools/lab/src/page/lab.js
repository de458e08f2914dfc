// Brings the page to life: programs run, exercises are checked, in this page, on the reader's own machine.
// `cargo lab` adds this; it is not in the files. What comes from a program is only ever text (`textContent`);
// pictures are made, and escaped, by the server.

import { Program } from "./run.js";
import { Exercise } from "./exercise.js";
import { ask, known } from "./server.js";

const hint = document.querySelector(".lab-hint");

// Whoever only reads pays for nothing: the catalogue is asked for when the browser has nothing else to do.
const begin = async () => {
  if (!document.querySelector("[data-program], [data-exercise]")) return;
  if (!(await known())) {
    if (hint) hint.textContent = "To run programs from this page, open the address that cargo lab has printed.";
    return;
  }
  const answer = await ask("catalogue", {});
  if (!answer.ok) {
    if (hint) hint.textContent = answer.text;
    return;
  }
  const { programs, exercises } = answer.body;
  hint?.remove();
  for (const section of document.querySelectorAll("section.program[data-program]")) {
    const name = `${section.dataset.crate}/${section.dataset.program}`;
    if (programs[name]) new Program(section, name, programs[name]);
  }
  for (const section of document.querySelectorAll("section.exercise[data-exercise]")) {
    const name = section.dataset.exercise;
    if (exercises[name]) new Exercise(section, name, exercises[name]);
  }
  document.documentElement.classList.add("lab-ready");
};

begin();
