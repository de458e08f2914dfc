// Shows one step at a time. What there is to show was worked out before: the table has the
// sentences, the data has what changes from row to row.
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

  const start = (root) => {
    const find = (selector) => root.querySelector(selector);
    const data = JSON.parse(find("script").textContent);
    const states = unfold(data);
    const rows = [...find("tbody").rows];
    const numbers = rows.map((row) => row.cells[0].textContent);
    const prefix = root.dataset.prefix;
    const alone = document.documentElement.classList.contains("trace-alone");
    const slider = find("input"), side = find(".trace-side"), more = find(".trace-more");
    const pictures = [...root.querySelectorAll(".trace-picture")].map((svg) => ({
      svg, rows: [...svg.querySelectorAll(".row")], veil: svg.querySelector(".veil"),
    }));
    let at = 0;

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

    // A pipe's ends have its colour and its outline; the end that is written is filled.
    const sign = (entry) => {
      const [, colour, shape, full] = data.things[entry];
      if (shape < 0) return "";
      const made = drawn("svg", { viewBox: "0 0 12 12", "aria-hidden": "true", class: `sign ${colour}` });
      made.append(drawn("path", { d: data.shapes[shape], class: full ? "full" : "" }));
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
    const first = new Set(Object.values(states[0].fds).flat().map(key));

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
      for (const [fd, cls] of shown) {
        const item = make("li", `fd ${cls || (old.has(key(fd)) ? "" : "new")}`, `fd ${fd[0]}`);
        if (fd[3] && !cls) item.append(make("small", "", " cloexec"));
        const to = make("span", "to");
        to.append(make("span", "verb", cls ? " was closed: " : " leads to "), data.texts[data.things[fd[2]][0]]);
        item.append(" ", sign(fd[2]), to);
        if (!cls) {
          item.dataset.to = fd[1];
          item.classList.add(data.things[fd[2]][1]);
          const entry = seen.get(fd[1]) ?? { thing: fd[2], count: 0 };
          entry.count += 1;
          seen.set(fd[1], entry);
        }
        list.append(item);
      }
      return list;
    };

    const beside = () => {
      const state = states[at], before = states[at - 1];
      const does = make("ul", "trace-does"), box = make("div", "trace-fds");
      const lines = Object.values(state.fds).flat().length;
      const left = make("div", "left"), right = make("div", "right"), seen = new Map();
      for (const task of Object.keys(state.does)) {
        const colour = `p${(task - 1) % 4}`, name = data.texts[state.name[task]];
        const line = make("li", colour);
        line.append(make("strong", "", name), ` ${data.texts[state.does[task]]}`);
        does.append(line);
        const fds = state.fds[task];
        if (Array.isArray(fds) && !fds.length && !before?.fds[task]?.length) continue;
        const card = make("div", "card");
        card.append(make("h3", "", name), Array.isArray(fds)
          ? table(task, state, before, seen, at > 0 && lines > 8)
          : make("p", "", `the same as P${fds}`));
        left.append(card);
      }
      for (const [id, { thing: entry, count }] of seen) right.append(thing(id, entry, count));
      box.append(left, right);
      const heading = make("h2", "", "Descriptors, and what they lead to");
      const line = rows[at].cells[3].textContent;
      const source = line ? [make("p", "trace-source", "in ")] : [];
      if (line) source[0].append(make("code", "", line));
      const who = make("div", "who"), what = make("div", "what");
      who.append(make("h2", "", `After step ${numbers[at]}`), does, ...source);
      what.append(heading, box);
      side.replaceChildren(who, what);
      connect();
    };

    const follow = () => {
      const shown = pictures.find((picture) => picture.svg.getClientRects().length);
      if (!shown) return;
      const row = shown.rows[at].getBoundingClientRect();
      const top = find(".trace-bar").getBoundingClientRect().bottom + 20;
      const covers = side.getBoundingClientRect();
      const below = covers.left < row.left + 50 ? covers.top : innerHeight;
      const bottom = Math.min(innerHeight, below) - 20;
      // It is left where it is while what comes next can be seen too.
      const ideal = top + (bottom - top) * 0.4;
      const fits = row.top >= top && row.bottom <= bottom - (bottom - top) * 0.2;
      const by = fits ? 0 : row.top - ideal;
      const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
      if (by) scrollBy({ top: by, behavior: calm || Math.abs(by) < 150 ? "auto" : "smooth" });
    };

    const show = (index, moved) => {
      at = Math.max(0, Math.min(rows.length - 1, index));
      slider.value = at + 1;
      slider.setAttribute("aria-valuetext", `step ${numbers[at]}`);
      find(".trace-at").textContent = `step ${numbers[at]} of ${numbers[rows.length - 1]}`;
      find(".trace-sentence").textContent = rows[at].cells[2].querySelector("span").textContent;
      const folded = rows[at].cells[2].querySelector("details");
      more.replaceChildren(...(folded ? [folded.cloneNode(true)] : []));
      find(".back").disabled = at === 0;
      find(".on").disabled = at === rows.length - 1;
      rows.forEach((row, i) => row.classList.toggle("now", i === at));
      for (const { svg, rows: drawings, veil } of pictures) {
        drawings.forEach((row, i) => row.classList.toggle("now", i === at));
        const top = (i) => drawings[i].transform.baseVal[0].matrix.f;
        const end = svg.querySelector(".legend").dataset.top;
        const from = at + 1 < drawings.length ? top(at + 1) : end;
        veil.setAttribute("y", from);
        veil.setAttribute("height", end - from);
      }
      root.style.setProperty("--bar", `${find(".trace-bar").offsetHeight}px`);
      beside();
      if (moved) {
        history.replaceState(null, "", `#${prefix}step-${numbers[at]}`);
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

    const keys = { ArrowLeft: -1, ArrowUp: -1, ArrowRight: 1, ArrowDown: 1, Home: -1e9, End: 1e9 };
    (alone ? document : root).addEventListener("keydown", (event) => {
      if (!(event.key in keys) || event.ctrlKey || event.altKey || event.metaKey) return;
      // mdBook turns pages with the same keys.
      event.stopPropagation();
      if (event.target.closest(".trace-side") && event.key.match(/Up|Down/)) return;
      event.preventDefault();
      show(at + keys[event.key], true);
    });
    slider.addEventListener("input", () => show(slider.value - 1, true));
    find(".back").addEventListener("click", () => show(at - 1, true));
    find(".on").addEventListener("click", () => show(at + 1, true));
    for (const { svg } of pictures) {
      svg.addEventListener("click", (event) => {
        const row = event.target.closest(".row");
        if (row) show([...svg.querySelectorAll(".row")].indexOf(row), true);
      });
    }
    const steps = find(".trace-steps"), button = find("button.steps");
    steps.classList.add("away");
    button.addEventListener("click", () => {
      const away = steps.classList.toggle("away");
      button.setAttribute("aria-expanded", String(!away));
      button.textContent = away ? "Show the steps as a table" : "Hide the table of steps";
    });
    for (const hidden of root.querySelectorAll("[hidden]")) hidden.hidden = false;
    root.classList.add("trace-js");
    addEventListener("hashchange", linked);
    addEventListener("resize", connect);
    if (!linked()) show(0, false);
    // Once all is laid out, the browser goes to the link by itself, and hides the row under the bar.
    else addEventListener("load", () => requestAnimationFrame(() => requestAnimationFrame(follow)));
  };

  document.querySelectorAll("section.trace").forEach(start);
})();
