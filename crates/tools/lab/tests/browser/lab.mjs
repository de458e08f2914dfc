// Uses the lab as a reader does, in Chromium: `node lab.mjs`, after `npm ci` in this folder and `cargo build --package lab`.
//
// It works on a copy of the course, whose exercises it solves. What is looked at: programs run, stop and are stepped
// through; an exercise turns green when it is saved; mini-unicorn is upgraded under load; nothing is asked of other
// machines, nothing is complained of in the console, axe-core finds nothing in what the lab adds, in five themes and on
// a phone's width; on paper there is none of it; and other sites' pages get nowhere.
//
// CHROMIUM says which browser it is, if not /usr/bin/chromium; LAB, which lab, if not target/debug/lab.
import { chromium } from "playwright-core";
import { execFileSync, spawn } from "node:child_process";
import { copyFileSync, cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";

const ROOT = resolve(import.meta.dirname, "../../../../..");
const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const THEMES = ["light", "rust", "coal", "navy", "ayu"];
// The first run builds a program, and the first check of an exercise builds the grader.
const LONG = 240_000;

let failures = 0;
const check = (fine, ...what) => {
  if (fine) return;
  failures += 1;
  console.log("FAILED", ...what);
};
const passed = (what) => console.log("ok", what);

// The course as git knows it, changed files included.
const copy = () => {
  const course = mkdtempSync(join(tmpdir(), "lab-browser-"));
  const files = execFileSync("git", ["ls-files", "-z", "--cached", "--others", "--exclude-standard"], { cwd: ROOT });
  for (const file of files.toString().split("\0").filter(Boolean)) {
    mkdirSync(dirname(join(course, file)), { recursive: true });
    cpSync(join(ROOT, file), join(course, file), { dereference: false });
  }
  return course;
};

const course = copy();
const lab = spawn(process.env.LAB ?? join(ROOT, "target/debug/lab"), ["--no-open"], {
  cwd: course,
  stdio: ["ignore", "pipe", "inherit"],
  env: { ...process.env, CARGO_TARGET_DIR: process.env.CARGO_TARGET_DIR ?? join(ROOT, "target/browser"), TERM_PROGRAM: "vscode" },
});
const address = await new Promise((found, failed) => {
  let said = "";
  lab.on("exit", (code) => failed(new Error(`the lab ended with ${code}: ${said}`)));
  lab.stdout.on("data", (data) => {
    said += data;
    const address = said.match(/http:\S+/);
    if (address) found(new URL(address[0]));
  });
});
const origin = address.origin;

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
    // A name of somebody else's that leads to this machine: DNS rebinding.
    "--host-resolver-rules=MAP evil.example 127.0.0.1",
  ],
});

const open = async (path, { theme = "light", width = 1200, token = true, script = true } = {}) => {
  const context = await browser.newContext({
    viewport: { width, height: 900 },
    colorScheme: ["light", "rust"].includes(theme) ? "light" : "dark",
    javaScriptEnabled: script,
  });
  context.setDefaultTimeout(20_000);
  if (script) await context.addInitScript((theme) => localStorage.setItem("mdbook-theme", theme), theme);
  const page = await context.newPage();
  page.on("pageerror", (error) => check(false, path, error.message));
  page.on("console", (message) => check(!["error", "warning"].includes(message.type()), path, "console:", message.text()));
  page.on("request", (request) => check(/^data:/.test(request.url()) || new URL(request.url()).origin === origin, "asks for", request.url()));
  await page.goto(`${origin}${path}${token ? address.hash : ""}`);
  if (token && script) await page.waitForSelector(".lab-ready");
  return page;
};
const close = (page) => page.context().close();
const program = (page, name) => page.locator(`section.program[data-program="${name}"]`).first();
const run = async (page, name) => {
  const section = program(page, name);
  await section.locator(":scope > .caption > .lab-run").click();
  return section;
};
const says = (section) => section.locator(".lab-panel > .lab-bar .lab-says");
const until = async (locator, like, timeout = 20_000) => {
  const end = Date.now() + timeout;
  let text = "";
  while (Date.now() < end) {
    text = await locator.textContent().catch(() => "");
    if (like.test(text)) return text;
    await new Promise((later) => setTimeout(later, 50));
  }
  throw new Error(`never ${like}, but ${JSON.stringify(text)}`);
};
// What the lab has started, its children's children too: proc_pid_stat(5), where the name may hold anything but ends with `)`.
const descendants = () => {
  const parents = new Map();
  for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
    try {
      parents.set(Number(pid), Number(readFileSync(`/proc/${pid}/stat`, "utf8").split(") ").at(-1).split(" ")[1]));
    } catch {
      // It has ended meanwhile.
    }
  }
  const below = new Set([lab.pid]);
  for (let before = 0; before !== below.size;) {
    before = below.size;
    for (const [pid, parent] of parents) if (below.has(parent)) below.add(pid);
  }
  below.delete(lab.pid);
  return [...below];
};
const gone = (pids) => until({ textContent: async () => String(pids.filter((pid) => existsSync(`/proc/${pid}`))) }, /^$/);
const axe = async (page, what, include) => {
  if (!(await page.evaluate(() => "axe" in window))) await page.evaluate(AXE);
  const found = await page.evaluate((include) => axe.run({ include }, { resultTypes: ["violations"] }), include);
  for (const { id, nodes } of found.violations) {
    check(false, what, id, nodes.slice(0, 3).map((node) => `${node.target} ${node.failureSummary}`).join("; "));
  }
};

const scenes = {
  "a page stands before the lab comes to it": async () => {
    const page = await open("/pipe.html");
    const early = await page.evaluate(() => {
      const { loadEventStart } = performance.getEntriesByType("navigation")[0];
      const ours = performance.getEntriesByType("resource").filter(({ name }) => name.includes("/.lab/"));
      return ours.filter(({ startTime }) => startTime < loadEventStart).map(({ name }) => new URL(name).pathname);
    });
    check(early.every((path) => ["/.lab/reload.js", "/.lab/events"].includes(path)), "it waits for", early);
    await close(page);
  },
  "a program runs, and its picture is stepped through by keys": async () => {
    const page = await open("/fork.html");
    check(!page.url().includes("lab="), "the token is still in the address", page.url());
    check((await page.locator(".lab-hint").count()) === 0, "the hint is still there");
    const section = await run(page, "fork_twice");
    await until(says(section), /exited with 0/, LONG);
    const output = await section.locator(".lab-panel > .lab-output").textContent();
    check(/I am the child/.test(output) && /I am the parent/.test(output), output);
    await section.locator(".lab-picture .trace-on, .lab-picture .on").first().click();
    check(/^step 1 of/.test(await section.locator(".trace-at").textContent()), "one step on");
    await page.keyboard.press("ArrowRight");
    check(/^step 2 of/.test(await section.locator(".trace-at").textContent()), "another by the key");
    check(page.url().includes("fork.html"), "mdBook has turned the page", page.url());
    await section.locator(".lab-again select").selectOption("child-first");
    await section.locator(".lab-again button").click();
    await until(section.locator(".trace-order"), /child-first/);
    await close(page);
  },
  "stop ends what runs, and so does leaving the page": async () => {
    const page = await open("/signals.html");
    const section = program(page, "quit_cleanup");
    await section.locator("input").fill("none");
    await run(page, "quit_cleanup");
    await until(section.locator(".lab-family"), /quit_cleanup.*quit_cleanup/s, LONG);
    await section.locator(":scope > .caption > .lab-run").click();
    await until(says(section), /Stopped/);
    await run(page, "quit_cleanup");
    await until(section.locator(".lab-family"), /quit_cleanup.*quit_cleanup/s);
    const running = descendants();
    check(running.length >= 2, "a server and its cleaner run", running);
    await page.goto(`${origin}/fork.html`);
    await gone(running);
    await page.waitForSelector(".lab-ready");
    await close(page);
  },
  "a signal from a button is what the program hears": async () => {
    const page = await open("/signals.html");
    const section = program(page, "quit_cleanup");
    await section.locator("input").fill("none");
    await run(page, "quit_cleanup");
    const server = section.locator(".lab-family > li").nth(1);
    await until(section.locator(".lab-output"), /I have a temporary file/, LONG);
    await server.getByRole("button", { name: /^TERM / }).click();
    await until(section.locator(".lab-output"), /log: stopped by SIGTERM/);
    await until(says(section), /exited with 0/);
    await close(page);
  },
  "an argument that is not as declared goes nowhere": async () => {
    const page = await open("/pipe.html");
    const section = program(page, "fill_it");
    await section.locator("input").fill("--help");
    await section.locator(":scope > .caption > .lab-run").click();
    check((await section.locator(".lab-panel").count()) === 0, "it ran all the same");
    await close(page);
  },
  "an exercise turns green when it is saved": async () => {
    const page = await open("/fork.html");
    const section = page.locator('section.exercise[data-exercise="two-branches"]');
    check((await section.locator(".lab-open").getAttribute("href")).startsWith("vscode://file/"), "the editor");
    await section.getByRole("button", { name: "Check on each save" }).click();
    await section.locator(".lab-verdict.fail").waitFor({ timeout: LONG });
    check(/not written yet/.test(await section.locator(".lab-verdict .cause").textContent()), "the starter's verdict");
    for (const number of [1, 2, 3]) {
      await section.getByRole("button", { name: /int/ }).click();
      await until(section.locator(".lab-hints"), new RegExp(`Hint ${number} of 3`));
    }
    const file = join(course, "exercises/fork/two-branches/src/main.rs");
    copyFileSync(join(course, "exercises/fork/two-branches/wrong/raw-status.rs"), file);
    await until(section.locator(".lab-verdict .cause"), /^(?!This is not written)/, 60_000);
    copyFileSync(join(course, "solutions/fork/two-branches.rs"), file);
    await section.locator(".lab-verdict.pass").waitFor({ timeout: 60_000 });
    check(/passed/.test(await section.evaluate((it) => getComputedStyle(it.querySelector(".label"), "::after").content)), "the label");
    await page.reload();
    await page.waitForSelector(".lab-ready");
    check(/^Passed/.test(await section.locator(".lab-says").textContent()), "it is remembered");
    await close(page);
  },
  "mini-unicorn is asked, loses a worker, and is upgraded under load": async () => {
    const page = await open("/mini-unicorn.html");
    const section = await run(page, "mini-unicorn");
    const family = section.locator(".lab-family > li:not(.gone)");
    const living = async (count) => until({ textContent: async () => String(await family.count()) }, new RegExp(`^${count}$`));
    await section.locator(".lab-client").waitFor({ timeout: LONG });
    await living(3);
    await section.getByRole("button", { name: "GET /pid", exact: true }).click();
    const answers = section.locator(".lab-client .lab-output");
    await until(answers, /GET \/pid: 200 \d+/);
    await family.nth(1).getByRole("button", { name: /^KILL / }).click();
    await until(section.locator(".lab-panel > .lab-output"), /killed by SIGKILL/);
    await living(3);
    await section.getByRole("button", { name: /without a pause/ }).click();
    await family.first().getByRole("button", { name: /^USR2 / }).click();
    await living(6);
    await family.first().getByRole("button", { name: /^QUIT / }).click();
    await living(3);
    const counts = await until(section.locator(".lab-client .lab-says"), /Asked/);
    check(/ 0 failed/.test(counts) && !/ 0 served/.test(counts), counts);
    await section.locator(":scope > .caption > .lab-run").click();
    await until(says(section), /Stopped/);
    await close(page);
  },
  "a program that hangs is ended, and it says why": async () => {
    const page = await open("/pipe.html");
    const section = await run(page, "wait_first");
    await until(says(section), /ended|exited|killed/, LONG);
    await close(page);
  },
  "what the lab adds is accessible in each theme and on a phone": async () => {
    for (const theme of THEMES) {
      const page = await open("/fork.html", { theme, width: theme === "navy" ? 360 : 1200 });
      const section = await run(page, "fork_twice");
      await until(says(section), /exited with 0/, LONG);
      const exercise = page.locator('section.exercise[data-exercise="five-children"]');
      await exercise.getByRole("button", { name: "Check on each save" }).click();
      await exercise.locator(".lab-verdict.fail").waitFor({ timeout: LONG });
      await exercise.getByRole("button", { name: "Hint" }).click();
      await exercise.locator(".lab-hints p").first().waitFor();
      await axe(page, `fork.html in ${theme}`, [[".lab-run"], [".lab-panel > .lab-bar"], [".lab-panel > .lab-output"], [".lab-again"], [".lab-verdict"], [".lab-hints"]]);
      check(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), theme, "wider than the page");
      await close(page);
      const unicorn = await open("/mini-unicorn.html", { theme, width: theme === "navy" ? 360 : 1200 });
      const server = await run(unicorn, "mini-unicorn");
      await server.locator(".lab-client").waitFor({ timeout: LONG });
      await server.getByRole("button", { name: "GET /", exact: true }).click();
      await until(server.locator(".lab-client .lab-output"), /200 hello/);
      await axe(unicorn, `mini-unicorn.html in ${theme}`, [[".lab-family"], [".lab-client"], [".lab-wishes"]]);
      check(await unicorn.evaluate(() => document.documentElement.scrollWidth <= innerWidth), theme, "mini-unicorn: wider than the page");
      await close(unicorn);
    }
  },
  "on paper there is none of it": async () => {
    const page = await open("/fork.html");
    await page.emulateMedia({ media: "print" });
    check((await page.locator(".lab-run:visible").count()) === 0, "buttons on paper");
    await close(page);
  },
  "without the token, or without JavaScript, the page is whole and says how to get the rest": async () => {
    for (const options of [{ token: false }, { script: false }]) {
      const page = await open("/fork.html", options);
      check((await page.locator(".lab-run").count()) === 0, "a button that can't work", JSON.stringify(options));
      await until(page.locator(".lab-hint"), /cargo lab/);
      check((await page.locator("section.trace svg").count()) > 0, "no recorded picture");
      await close(page);
    }
  },
  "a page in another tab gets the token from the first": async () => {
    const page = await open("/fork.html");
    const other = await page.context().newPage();
    await other.goto(`${origin}/pipe.html`);
    await other.waitForSelector(".lab-ready");
    await close(page);
  },
  "other sites' pages get nowhere": async () => {
    const site = createServer((request, response) => {
      response.setHeader("Content-Type", "text/html");
      response.end("<!DOCTYPE html><title>evil</title>");
    });
    await new Promise((listens) => site.listen(0, "127.0.0.1", listens));
    const context = await browser.newContext();
    const page = await context.newPage();
    // A name that was made to lead here.
    const rebound = await page.goto(`http://evil.example:${address.port}/fork.html`);
    check(rebound.status() === 421, "DNS rebinding", rebound.status());
    const stolen = await page.evaluate(() => fetch("/.lab/run", { method: "POST", body: "{}" }).then((response) => response.status, () => "refused"));
    check([421, "refused"].includes(stolen), "a wish of a rebound page", stolen);
    // Another port of this machine is another site, too.
    await page.goto(`http://127.0.0.1:${site.address().port}/`);
    const token = address.hash.slice("#lab=".length);
    const answers = await page.evaluate(async ([origin, token]) => {
      const wish = (init) => fetch(`${origin}/.lab/run`, { method: "POST", body: '{"program": "fork/fork_twice"}', ...init })
        .then((response) => `${response.type} ${response.status}`, () => "refused");
      const framed = await new Promise((done) => {
        const frame = document.createElement("iframe");
        frame.src = `${origin}/fork.html`;
        frame.addEventListener("load", () => { try { done(frame.contentDocument === null ? "closed" : frame.contentDocument.title); } catch { done("closed"); } });
        document.body.append(frame);
      });
      return {
        plain: await wish({ headers: { "Content-Type": "text/plain" } }),
        form: await wish({ mode: "no-cors" }),
        whole: await wish({ headers: { "Content-Type": "application/json", "X-Lab-Token": token } }),
        read: await fetch(`${origin}/.lab/lab.js`).then((response) => response.text(), () => "refused"),
        framed,
      };
    }, [origin, token]);
    check(answers.plain === "refused" && answers.whole === "refused", JSON.stringify(answers));
    check(["opaque 0", "refused"].includes(answers.form), JSON.stringify(answers));
    check(answers.read === "refused", "it could read", answers.read.slice(0, 80));
    check(answers.framed !== "fork", JSON.stringify(answers));
    await context.close();
    site.close();
  },
  // The last: nothing can be asked after it.
  "a lab that is killed leaves nothing, and the page says that it is gone": async () => {
    const page = await open("/signals.html");
    const section = program(page, "quit_cleanup");
    await section.locator("input").fill("none");
    await run(page, "quit_cleanup");
    await until(section.locator(".lab-output"), /I have a temporary file/, LONG);
    const running = descendants();
    page.removeAllListeners("console"); // Chromium complains of the broken stream itself.
    lab.kill("SIGKILL");
    await gone(running);
    await until(section, /does not answer/);
    await section.locator(":scope > .caption > .lab-run").click();
    await until(section, /does not answer/);
    await close(page);
  },
};

try {
  const only = process.argv.slice(2);
  for (const [name, scene] of Object.entries(scenes)) {
    if (only.length && !only.some((word) => name.includes(word))) continue;
    const before = failures;
    try {
      await scene();
    } catch (error) {
      check(false, name, error.message);
    }
    if (failures === before) passed(name);
  }
} finally {
  await browser.close();
  lab.kill("SIGINT");
  rmSync(course, { recursive: true, force: true });
}
console.log(failures ? `${failures} failures` : "all is well");
process.exit(failures ? 1 : 0);
