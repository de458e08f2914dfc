// Shows one step at a time, or all of them, as before the first. What there is to show was worked out
// before: the table has the sentences, the data has what changes from row to row.
(() => {
  const make = (name, cls, text) => {
    const made = document.createElement(name);
    if (cls) made.className = cls;
    if (text !== undefined) made.textContent = text;
    return made;
  };
  const drawn = (name, attributes) => {
    const made = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    return made;
  };

  // What is so after each step, in full.
  const unfold = (data) => {
    let now = { name: {}, does: {}, fds: {} };
    return data.steps.map((step) => {
      now = {
        name: { ...now.name, ...step.name },
        does: { ...now.does, ...step.does },
        fds: { ...now.fds, ...step.fds },
      };
      for (const [task, does] of Object.entries(now.does)) if (does < 0) delete now.does[task];
      return now;
    });
  };

  // The rows' numbers once more, which stay in sight where the picture is scrolled sideways.
  const numbersBeside = (rows, tops) => {
    const width = 34, height = tops.at(-1);
    const svg = drawn("svg", { width, height, class: "trace-numbers", "aria-hidden": "true" });
    const stripes = rows.map((_, i) => i % 2 ? `M0 ${tops[i]}H${width}V${tops[i + 1]}H0z` : "").join("");
    svg.append(drawn("rect", { width, height, class: "paper" }), drawn("path", { d: stripes, class: "stripes" }),
      drawn("rect", { width, height: 0, class: "now" }));
    rows.forEach((row, i) => {
      const number = drawn("text", { x: 32, y: tops[i] + 19 });
      number.textContent = row.querySelector("text").textContent;
      svg.append(number);
    });
    svg.append(drawn("rect", { width, height: 0, class: "veil" }));
    return svg;
  };

  const start = (root) => {
    const find = (selector) => root.querySelector(selector);
    const rows = [...find("tbody").rows];
    const numbers = rows.map((row) => row.cells[0].textContent);
    const prefix = root.dataset.prefix;
    const alone = document.documentElement.classList.contains("trace-alone");
    const bar = find(".trace-bar"), slider = find("input"), back = find(".back"), on = find(".on");
    const side = find(".trace-side"), more = find(".trace-more"), sentence = find(".trace-sentence");
    const about = sentence.textContent;
    const pictures = [...root.querySelectorAll(".trace-picture")].map((svg) => {
      const rows = [...svg.querySelectorAll(".row")];
      const tops = rows.map((row) => row.transform.baseVal[0].matrix.f);
      tops.push(Number(svg.querySelector(".legend").dataset.top));
      if (svg.parentNode.classList.contains("scrolls")) svg.after(numbersBeside(rows, tops));
      const parts = (name) => [...svg.parentNode.querySelectorAll(`rect.${name}`)];
      return { svg, rows, tops, veils: parts("veil"), nows: parts("now") };
    });
    // A page may have many of these, of which few are stepped through.
    let data, states, first;
    const read = () => {
      if (data) return;
      data = JSON.parse(find("script").textContent);
      states = unfold(data);
      first = new Set(Object.values(states[0].fds).flat().map(key));
    };
    // Whoever takes the picture away again says so, too.
    const ended = new AbortController(), alive = { signal: ended.signal };
    root.addEventListener("trace-gone", () => ended.abort());
    // Which row is shown; −1: all.
    let at = -1;

    const connect = () => {
      const box = side.querySelector(".trace-fds");
      if (!box) return;
      box.querySelector(":scope > svg")?.remove();
      const svg = drawn("svg", { "aria-hidden": "true" });
      const origin = box.getBoundingClientRect();
      for (const fd of box.querySelectorAll(".fd[data-to]")) {
        const thing = box.querySelector(`.thing[data-id="${fd.dataset.to}"]`);
        const from = fd.getBoundingClientRect(), to = thing.getBoundingClientRect();
        const x = from.right - origin.left, y = from.top + from.height / 2 - origin.top;
        const ex = to.left - origin.left, ey = to.top + to.height / 2 - origin.top;
        const bend = (ex - x) / 2;
        svg.append(drawn("path", {
          d: `M${x} ${y}C${x + bend} ${y} ${ex - bend} ${ey} ${ex} ${ey}`, class: thing.dataset.colour,
        }));
      }
      box.append(svg);
    };

    // A pipe's ends have its colour and its outline; the end that is written is filled. A socket fills its half.
    const sign = (entry) => {
      const [, colour, shape, full] = data.things[entry];
      if (shape < 0) return "";
      const parts = data.shapes[shape], wide = parts.length > 1 ? 16 : 12;
      const made = drawn("svg", { viewBox: `0 0 ${wide} 12`, "aria-hidden": "true", class: `sign ${colour}` });
      parts.forEach((d, part) => made.append(drawn("path", { d, class: full === part + 1 ? "full" : "" })));
      return made;
    };

    const thing = (id, entry, count) => {
      const [text, colour] = data.things[entry];
      const made = make("div", `thing ${colour}`);
      made.dataset.id = id;
      made.dataset.colour = colour;
      made.append(sign(entry), data.texts[text]);
      if (count > 1) made.append(make("small", "", ` ×${count}`));
      return made;
    };

    const key = (fd) => `${fd[0]} ${fd[1]}`;

    // One task's descriptors, those that were closed just now included.
    const table = (task, state, before, seen, brief) => {
      const list = make("ul", "");
      const all = state.fds[task], was = before?.fds[task];
      const old = new Set(Array.isArray(was) ? was.map(key) : all.map(key));
      const kept = new Set(all.map(key));
      const own = brief ? all.filter((fd) => !first.has(key(fd))) : all;
      const same = all.filter((fd) => !own.includes(fd)).map((fd) => fd[0]);
      if (same.length) list.append(make("li", "fd same", `${same.join(", ")} as at the start`));
      const closed = (Array.isArray(was) ? was : []).filter((fd) => !kept.has(key(fd)));
      const shown = [...own.map((fd) => [fd, ""]), ...closed.map((fd) => [fd, "closed"])];
      shown.sort((one, other) => one[0][0] - other[0][0]);
      // Neighbours that lead to one thing stand together, as 0, 1 and 2 do at a terminal.
      const groups = [];
      for (const [fd, cls] of shown) {
        const looks = cls || (old.has(key(fd)) ? "" : "new"), like = [looks, ...fd.slice(1)].join();
        const last = groups.at(-1);
        if (last?.like === like) last.numbers.push(fd[0]);
        else groups.push({ fd, cls, looks, like, numbers: [fd[0]] });
      }
      for (const { fd, cls, looks, numbers } of groups) {
        const item = make("li", `fd ${looks}`, `fd ${numbers.join(", ")}`);
        if (fd[3] && !cls) item.append(make("small", "", " cloexec"));
        const to = make("span", "to");
        to.append(make("span", "verb", cls ? " was closed: " : " leads to "), data.texts[data.things[fd[2]][0]]);
        item.append(" ", sign(fd[2]), to);
        if (!cls) {
          item.dataset.to = fd[1];
          item.classList.add(data.things[fd[2]][1]);
          const entry = seen.get(fd[1]) ?? { thing: fd[2], count: 0 };
          entry.count += numbers.length;
          seen.set(fd[1], entry);
        }
        list.append(item);
      }
      return list;
    };

    const beside = () => {
      if (at < 0) {
        side.replaceChildren(make("p", "trace-how",
          "Step on: then it says here what each process does at that step, and where its descriptors lead. " +
          "The arrow keys step too, Home shows the whole picture again, and a click on a row goes there."));
        return;
      }
      read();
      const state = states[at], before = states[at - 1];
      const does = make("ul", "trace-does"), box = make("div", "trace-fds");
      const lines = Object.values(state.fds).flat().length;
      const left = make("div", "left"), right = make("div", "right"), seen = new Map();
      for (const task of Object.keys(state.does)) {
        const colour = `p${(task - 1) % 6}`, name = data.texts[state.name[task]];
        const line = make("li", colour);
        line.append(make("strong", "", name), ` ${data.texts[state.does[task]]}`);
        does.append(line);
        const fds = state.fds[task];
        if (Array.isArray(fds) && !fds.length && !before?.fds[task]?.length) continue;
        const card = make("div", "card");
        card.append(make("p", "name", name), Array.isArray(fds)
          ? table(task, state, before, seen, at > 0 && lines > 8)
          : make("p", "", `the same as P${fds}`));
        left.append(card);
      }
      for (const [id, { thing: entry, count }] of seen) right.append(thing(id, entry, count));
      box.append(left, right);
      const who = make("div", "who"), what = make("div", "what");
      who.append(make("p", "heading", `After step ${numbers[at]}`),
        does.childElementCount ? does : make("p", "", "All processes have ended."));
      if (left.childElementCount) what.append(make("p", "heading", "Descriptors, and what they lead to"), box);
      side.replaceChildren(who, what);
      connect();
    };

    const follow = () => {
      const shown = pictures.find((picture) => picture.svg.getClientRects().length);
      if (!shown || at < 0) return;
      const row = shown.rows[at].getBoundingClientRect();
      // Bar and panel are out of sight where the picture is: this is what they cover once they stick.
      const top = parseFloat(getComputedStyle(bar).top) + bar.offsetHeight + 20;
      const below = side.getBoundingClientRect().left < row.left + 50 ? side.offsetHeight : 0;
      const bottom = innerHeight - below - 20;
      // It is left where it is while what comes next can be seen too.
      const ideal = top + (bottom - top) * 0.4;
      const fits = row.top >= top && row.bottom <= bottom - (bottom - top) * 0.2;
      const by = fits ? 0 : row.top - ideal;
      const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
      if (by) scrollBy({ top: by, behavior: calm || Math.abs(by) < 150 ? "auto" : "smooth" });
    };

    // The address says which step is shown; going back goes to the page before.
    const address = () => {
      const own = location.hash.startsWith(`#${prefix}step-`);
      const hash = at < 0 ? "" : `#${prefix}step-${numbers[at]}`;
      try {
        if (hash || own) history.replaceState(history.state, "", hash || location.pathname + location.search);
      } catch {
        // Too often in a short time, some browsers say.
      }
    };

    // As high as the longest sentence needs, up to four lines: then nothing below moves from step to step.
    let measured;
    const reserve = () => {
      if (measured === bar.offsetWidth) return;
      measured = bar.offsetWidth;
      const all = rows.map((row) => row.cells[1].firstChild.textContent);
      const longest = make("p", "trace-sentence longest", all.reduce((one, other) => other.length > one.length ? other : one));
      bar.append(longest);
      sentence.style.minHeight = `min(${longest.offsetHeight}px, 6em)`;
      longest.remove();
    };

    const show = (index, moved) => {
      at = Math.max(-1, Math.min(rows.length - 1, index));
      const all = at < 0;
      const says = all ? `all ${numbers.length ? numbers[numbers.length - 1] : 0} steps`
        : `step ${numbers[at]} of ${numbers[rows.length - 1]}`;
      slider.value = at + 1;
      slider.setAttribute("aria-valuetext", says);
      find(".trace-at").textContent = says;
      sentence.textContent = all ? about : rows[at].cells[1].firstChild.textContent;
      const line = all ? "" : rows[at].cells[2]?.textContent;
      const source = make("p", "trace-line");
      // Where all lines are in one file, the table's head has its name.
      const file = find("thead th:nth-child(3)")?.textContent.split(" of ")[1];
      if (line) source.append(...(file ? [`line ${line} of `, make("code", "", file)] : ["in ", make("code", "", line)]));
      const folded = all ? null : rows[at].cells[1].querySelector("details");
      more.replaceChildren(...(line ? [source] : []), ...(folded ? [folded.cloneNode(true)] : []));
      // One that is disabled would lose the focus, and the keys with it.
      back.setAttribute("aria-disabled", String(all));
      on.setAttribute("aria-disabled", String(at === rows.length - 1));
      rows.forEach((row, i) => row.classList.toggle("now", i === at));
      for (const { tops, veils, nows } of pictures) {
        const [from, to, end] = all ? [0, 0, 0] : [tops[at], tops[at + 1], tops[tops.length - 1]];
        for (const [parts, y, bottom] of [[nows, from, to], [veils, to, end]]) {
          for (const part of parts) {
            part.setAttribute("y", y);
            part.setAttribute("height", bottom - y);
          }
        }
      }
      root.classList.toggle("trace-all", all);
      if (all) sentence.style.minHeight = measured = "";
      else reserve();
      root.style.setProperty("--bar", `${bar.offsetHeight}px`);
      beside();
      if (moved) {
        address();
        follow();
      }
    };

    const linked = () => {
      const found = location.hash.slice(1);
      if (!found.startsWith(`${prefix}step-`)) return false;
      const index = numbers.indexOf(found.slice(prefix.length + 5));
      if (index < 0) return false;
      show(index, true);
      return true;
    };

    const keys = { ArrowLeft: -1, ArrowUp: -1, ArrowRight: 1, ArrowDown: 1, PageUp: -10, PageDown: 10 };
    const far = { Home: -1, End: rows.length - 1, Escape: -1 };
    (alone ? document : root).addEventListener("keydown", (event) => {
      // With a modifier it means something else: to select text, say.
      if (event.ctrlKey || event.altKey || event.metaKey || event.shiftKey) return;
      if (!(event.key in keys) && !(event.key in far)) return;
      // mdBook turns pages with the same keys.
      if (event.key !== "Escape") event.stopPropagation();
      // What can be scrolled is, and a table is read.
      const within = event.target.closest(".trace-side, .trace-steps, .trace-more");
      if (within && !event.key.match(/Left|Right|Escape/)) return;
      if (event.key.startsWith("Page") && !bar.contains(event.target)) return;
      if (event.key !== "Escape") event.preventDefault();
      show(event.key in far ? far[event.key] : at + keys[event.key], true);
    });
    slider.addEventListener("input", () => show(slider.value - 1, true));
    for (const [button, by] of [[back, -1], [on, 1]]) {
      button.addEventListener("click", () => {
        // Not every browser does that by itself; without it, the keys would go elsewhere.
        button.focus({ preventScroll: true });
        if (button.getAttribute("aria-disabled") !== "true") show(at + by, true);
      });
    }
    for (const { svg, tops } of pictures) {
      svg.addEventListener("click", (event) => {
        // Text was selected, which ends with a click.
        if (!getSelection().isCollapsed) return;
        const y = new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM().inverse()).y;
        const row = tops.findIndex((top, i) => y >= top && y < tops[i + 1]);
        if (row >= 0) show(row, true);
      });
    }
    const drawing = find(".trace-drawing");
    drawing.addEventListener("scroll", () => drawing.classList.toggle("trace-scrolled", drawing.scrollLeft > 0));
    const steps = find(".trace-steps");
    addEventListener("beforeprint", () => { steps.open = true; }, alive);
    for (const hidden of root.querySelectorAll("[hidden]")) hidden.hidden = false;
    root.classList.add("trace-js");
    root.classList.toggle("trace-tells", rows.some((row) => row.cells[2]?.textContent || row.querySelector("details")));
    addEventListener("hashchange", linked, alive);
    addEventListener("resize", connect, alive);
    if (!linked()) show(-1, false);
    // Once all is laid out, the browser goes to the link by itself, and hides the row under the bar.
    else addEventListener("load", () => requestAnimationFrame(() => requestAnimationFrame(follow)));
  };

  // In a page that was put together of several, this may run more than once. Whoever adds a picture later says so.
  const all = () => document.querySelectorAll("section.trace:not(.trace-js)").forEach(start);
  document.addEventListener("trace-added", all);
  all();
})();
