// Looks at pages with recordings in Chromium: `node check.mjs PAGE.html…`, after `npm ci` in this folder.
//
// A page is one that `cargo recorder run --html` has written, or one of the book's. Each is looked at
// in each theme, wide and narrow, before the first step and in the middle: axe-core finds nothing, no
// text is cut, keys do what they should and no more, nothing is asked of the network.
//
// CHROMIUM says which browser it is, if not /usr/bin/chromium; ONLY=looks, which of the looks below is taken.
import { chromium } from "playwright-core";
import { createRequire } from "node:module";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";

const AXE = createRequire(import.meta.url).resolve("axe-core/axe.min.js");
const THEMES = ["light", "rust", "coal", "navy", "ayu"];
const WIDTHS = [1440, 1000, 600, 360];

let failures = 0;
const check = (fine, ...what) => {
  if (fine) return;
  failures += 1;
  console.log("FAILED", ...what);
};

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
});

// A page in a theme, which is mdBook's, or the system's for a page of its own.
const open = async (url, { theme = "light", width = 1000, reduced = false, script = true } = {}) => {
  const context = await browser.newContext({
    viewport: { width, height: 900 },
    colorScheme: ["light", "rust"].includes(theme) ? "light" : "dark",
    reducedMotion: reduced ? "reduce" : "no-preference",
    javaScriptEnabled: script,
  });
  context.setDefaultTimeout(20_000);
  if (script) await context.addInitScript((theme) => localStorage.setItem("mdbook-theme", theme), theme);
  const page = await context.newPage();
  page.on("pageerror", (error) => check(false, url, error.message));
  page.on("request", (request) => check(/^(file|data|blob):/.test(request.url()), "asks for", request.url()));
  await page.goto(url);
  return page;
};
const close = (page) => page.context().close();

const section = (page, nth = 0) => page.locator("section.trace").nth(nth);
const at = (page, nth = 0) => section(page, nth).locator(".trace-at").textContent();
const sections = (page) => page.locator("section.trace").count();

// axe-core, on the recordings alone: the rest of a page has tests of its own.
const axe = async (page, what) => {
  if (!(await page.evaluate(() => "axe" in window))) await page.addScriptTag({ path: AXE });
  const found = await page.evaluate(() => axe.run({ include: ["section.trace"] }, { resultTypes: ["violations"] }));
  for (const { id, nodes } of found.violations) {
    check(false, what, id, nodes.slice(0, 3).map((node) => `${node.target} ${node.failureSummary}`).join("; "));
  }
};

// Nothing is wider than the page, and no text of a drawing reaches out of it or into another one's.
const cut = async (page, what) => {
  const found = await page.evaluate(() => {
    const cut = [];
    for (const section of document.querySelectorAll("section.trace")) {
      const { left, right } = section.getBoundingClientRect();
      for (const part of section.querySelectorAll(".trace-bar, .trace-drawing, .trace-side, .trace-order")) {
        const box = part.getBoundingClientRect();
        if (box.width && (box.left < left - 1 || box.right > right + 1)) cut.push(`${part.className} is wider`);
      }
      for (const svg of section.querySelectorAll(".trace-picture")) {
        if (!svg.getClientRects().length) continue;
        const whole = svg.getBoundingClientRect();
        for (const row of svg.querySelectorAll(".row")) {
          const texts = [...row.querySelectorAll("text")].map((text) => [text, text.getBoundingClientRect()]);
          for (const [text, box] of texts) {
            if (box.right > whole.right + 1 || box.left < whole.left - 1) cut.push(`cut: ${text.textContent}`);
            const over = texts.find(([other, that]) => other !== text && box.left < that.right - 2 &&
              that.left < box.right - 2 && box.top < that.bottom - 5 && that.top < box.bottom - 5);
            if (over) cut.push(`${text.textContent} lies over ${over[0].textContent}`);
          }
        }
      }
    }
    return cut;
  });
  check(!found.length, what, ...found.slice(0, 5));
};

const looks = async (url, alone) => {
  for (const theme of alone ? ["light", "navy"] : THEMES) {
    for (const width of WIDTHS) {
      const what = `${url} ${theme} ${width}`;
      const page = await open(url, { theme, width });
      await axe(page, `${what}, all steps`);
      await cut(page, what);
      for (let nth = 0; nth < await sections(page); nth += 1) {
        const slider = section(page, nth).locator("input[type=range]");
        await slider.evaluate((slider) => {
          slider.value = Math.ceil(slider.max / 2);
          slider.dispatchEvent(new Event("input"));
        });
        await section(page, nth).locator(".trace-steps").evaluate((steps) => { steps.open = true; });
      }
      await axe(page, `${what}, in the middle`);
      await cut(page, `${what}, in the middle`);
      await close(page);
    }
  }
};

const keys = async (url, alone) => {
  const page = await open(url);
  const press = (key) => page.keyboard.press(key);
  const here = page.url();
  const last = await section(page).locator("input[type=range]").getAttribute("max");
  const shown = async (expected, what) => check((await at(page)).match(/all|\d+/)[0] === expected, url, what, await at(page));
  await shown("all", "before the first step");
  await section(page).locator("button.on").focus();
  for (const [key, expected] of [
    ["ArrowRight", "1"], ["ArrowDown", "2"], ["Shift+ArrowRight", "2"], ["ArrowLeft", "1"], ["ArrowUp", "all"],
    ["ArrowUp", "all"], ["ArrowRight", "1"], ["Home", "all"], ["Enter", "1"], ["Escape", "all"],
  ]) {
    await press(key);
    await shown(expected, `after ${key}`);
  }
  await press("End");
  check(await section(page).locator("input[type=range]").inputValue() === last, url, "after End");
  const focus = () => page.evaluate(() => document.activeElement.className);
  await press("Enter");
  check(await focus() === "on", url, "the button at the end keeps the focus, not", await focus());
  check(page.url().split("#")[0] === here.split("#")[0], url, "a key has turned the page");
  check(await page.evaluate(() => history.length) <= 2, url, "steps fill the history");
  // Who goes through with Tab comes out again, and sees where he is.
  await section(page).locator("button.back").focus();
  const inside = () => page.evaluate(() => !!document.activeElement.closest("section.trace"));
  for (let stop = 0; stop < 200 && await inside(); stop += 1) {
    const seen = await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle);
    if (stop > 0) check(seen !== "none", url, "no outline around", await focus());
    await press("Tab");
  }
  check(!(await inside()), url, "Tab does not leave the recording");
  if (!alone) {
    const [before] = [await at(page)];
    await page.evaluate(() => document.activeElement.blur());
    await page.evaluate(() => document.addEventListener("keydown", (event) => event.stopImmediatePropagation(), true));
    await press("ArrowLeft");
    check(await at(page) === before, url, "a key outside of a recording steps");
  }
  await close(page);
};

const links = async (url) => {
  const page = await open(url);
  for (let nth = 0; nth < await sections(page); nth += 1) {
    const ids = await section(page, nth).locator(".row[id]").evaluateAll((rows) => rows.map((row) => row.id));
    for (const hash of [ids[1], ids[Math.floor(ids.length / 2)]].map((id) => `#${id}`)) {
      const number = hash.match(/\d+$/)[0];
      const others = async () => {
        const all = await page.locator(".trace-at").allTextContents();
        return all.filter((_, other) => other > nth).every((text) => text.startsWith("all"));
      };
      await page.evaluate((hash) => { location.hash = hash; }, hash);
      await page.waitForFunction(([nth, number]) =>
        document.querySelectorAll("section.trace .trace-at")[nth].textContent.startsWith(`step ${number} `), [nth, number]);
      check(await others(), url, hash, "moves another recording");
      for (const width of [1000, 360]) await linked(`${url.split("#")[0]}${hash}`, nth, number, width);
    }
  }
  await close(page);
};

// Who comes by a link sees the row. On a narrow screen it is another drawing's than the one that has the id.
const linked = async (url, nth, number, width) => {
  const page = await open(url, { width });
  check((await at(page, nth)).startsWith(`step ${number} `), url, width, "on load", await at(page, nth));
  const seen = () => page.evaluate(([nth, number]) => {
    const section = document.querySelectorAll("section.trace")[nth];
    const drawing = [...section.querySelectorAll(".trace-picture")].find((svg) => svg.getClientRects().length);
    const row = [...drawing.querySelectorAll(".row")].find((row) => row.querySelector("text").textContent === number)
      .getBoundingClientRect();
    const bar = section.querySelector(".trace-bar").getBoundingClientRect();
    const side = section.querySelector(".trace-side").getBoundingClientRect();
    // The panel covers nothing where it stands beside the picture.
    const bottom = side.left > row.left + 50 ? innerHeight : Math.min(innerHeight, side.top + 1);
    return bar.top >= 0 && row.top >= bar.bottom - 1 && row.bottom <= bottom && side.bottom <= innerHeight + 1;
  }, [nth, number]);
  for (let tries = 0; tries < 60 && !(await seen()); tries += 1) await page.waitForTimeout(50);
  check(await seen(), url, width, "the linked row is not seen");
  await close(page);
};

// The first step lets the bar and the panel stick, and the row that was clicked is still seen.
const steady = async (url) => {
  const page = await open(url, { width: 360 });
  const row = page.locator(".trace-picture.narrow .row, .trace-picture.only .row").nth(8);
  await row.evaluate((row) => row.scrollIntoView({ block: "center" }));
  await row.locator("text").first().click();
  await page.waitForTimeout(500);
  const [from, to] = await Promise.all([".trace-bar", ".trace-side"].map((part) => section(page).locator(part).boundingBox()));
  const { y } = await row.boundingBox();
  check(y >= from.y + from.height - 1 && y < to.y, url, "the row that was clicked is not seen", y, from, to);
  await close(page);
};

// While one steps, nothing moves that isn't the step's: neither the picture's place below the bar, nor the panel's where it
// stands beside the picture; and nothing is cut off at the side of the panel.
const still = async (url) => {
  for (const width of [1440, 400]) {
    const page = await open(url, { width });
    for (let nth = 0; nth < await sections(page); nth += 1) {
      const moved = await section(page, nth).evaluate((section) => {
        const part = (name) => section.querySelector(name);
        const slider = part("input[type=range]"), places = new Set(), wide = [];
        for (let step = 1; step <= Math.min(slider.max, 120); step += 1) {
          slider.value = step;
          slider.dispatchEvent(new Event("input"));
          // A sentence of more than four lines takes what it needs.
          const sentence = part(".trace-sentence");
          if (sentence.offsetHeight > 6.5 * parseFloat(getComputedStyle(sentence).fontSize)) continue;
          const top = section.getBoundingClientRect().top;
          const [bar, drawing, side] = [".trace-bar", ".trace-drawing", ".trace-side"].map((name) => part(name).getBoundingClientRect());
          const beside = side.left > drawing.left + 50 && getComputedStyle(part(".trace-side")).position !== "sticky";
          places.add([bar.height, beside ? side.top - top : ""].join());
          if (part(".trace-side").scrollWidth > part(".trace-side").clientWidth + 1) wide.push(step);
        }
        return { places: [...places], wide };
      });
      check(moved.places.length === 1, url, width, nth, "the bar has more than one height", ...moved.places);
      check(!moved.wide.length, url, width, nth, "the panel is wider than it is at steps", ...moved.wide);
    }
    await close(page);
  }
};

// A picture that is wider than its column is scrolled in a box of its own, at its full size; its numbers stay in sight.
const sideways = async (url) => {
  const page = await open(url, { width: 360 });
  await page.evaluate(() => document.querySelectorAll(".trace-drawing").forEach((box) => { box.scrollLeft = 10_000; }));
  await page.evaluate(() => new Promise((seen) => requestAnimationFrame(() => requestAnimationFrame(seen))));
  const found = await page.evaluate(() => [...document.querySelectorAll("section.trace")].map((section) => {
    const box = section.querySelector(".trace-drawing"), needed = box.scrollWidth > box.clientWidth;
    const svg = [...section.querySelectorAll(".trace-picture")].find((svg) => svg.getClientRects().length);
    const numbers = svg.parentNode.querySelector(".trace-numbers");
    const [inside, own, seen] = [box, svg, numbers].map((part) => part.getBoundingClientRect());
    const full = Math.abs(own.width - svg.viewBox.baseVal.width) < 1;
    const page = document.documentElement;
    const shown = (getComputedStyle(numbers).visibility === "visible") === needed;
    return { full, shown, seen: Math.abs(seen.left - inside.left) < 1, text: numbers.querySelectorAll("text").length,
      rows: svg.querySelectorAll(".row").length, wide: page.scrollWidth > page.clientWidth };
  }));
  for (const { full, shown, seen, text, rows, wide } of found) {
    check(shown, url, "numbers that stay where nothing scrolls, or none where it does");
    check(full, url, "the picture has shrunk");
    check(seen && text === rows, url, "the numbers are out of sight");
    check(!wide, url, "the page is wider than the screen");
  }
  await close(page);
};

// Without JavaScript the picture is there, whole, and nothing that would do nothing.
const plain = async (url) => {
  const page = await open(url, { script: false });
  check(await page.locator(".trace-bar:visible, .trace-side:visible").count() === 0, url, "controls without a script");
  check(await page.locator(".trace-picture:visible").count() === await sections(page), url, "one picture each");
  await close(page);
};

const calm = async (url) => {
  const page = await open(url, { reduced: true });
  const moves = await page.locator(".veil").first().evaluate((veil) => getComputedStyle(veil).transitionDuration);
  check(moves === "0s", url, "moves where nothing should", moves);
  await close(page);
};

for (const path of process.argv.slice(2)) {
  const url = pathToFileURL(resolve(path)).href;
  const page = await open(url);
  const [count, alone] = [await sections(page), await page.locator("html.trace-alone").count() > 0];
  await close(page);
  check(count > 0, path, "has no recording");
  if (!count) continue;
  for (const look of [looks, keys, links, steady, still, sideways, plain, calm]) {
    if (!process.env.ONLY || process.env.ONLY === look.name) await look(url, alone);
  }
  console.log(path, `${count} recording(s)`, failures ? `${failures} failure(s) so far` : "fine");
}
await browser.close();
process.exit(failures ? 1 : 0);
