// The way to the server: each wish is a POST with the token, which stood in the address behind the `#`.

const KEY = "lab-token";

// Taken out of the address at once: whoever copies that would give it away.
const taken = () => {
  const found = location.hash.match(/^#lab=([0-9a-f]+)$/);
  if (found) {
    sessionStorage.setItem(KEY, found[1]);
    history.replaceState(history.state, "", location.pathname + location.search);
  }
  return sessionStorage.getItem(KEY);
};
let token = taken();
addEventListener("hashchange", () => { token = taken(); });

// A page that was opened in another tab has no token: one that has it passes it on. Only our own pages hear that.
const others = new BroadcastChannel(KEY);
const answered = new Promise((resolve) => {
  others.addEventListener("message", ({ data }) => {
    if (data.wanted && token) others.postMessage({ token });
    if (data.token && !token) {
      token = data.token;
      sessionStorage.setItem(KEY, token);
      resolve();
    }
  });
});

// Whether the token is known, or becomes known at once.
export const known = async () => {
  if (!token) {
    others.postMessage({ wanted: true });
    await Promise.race([answered, new Promise((resolve) => setTimeout(resolve, 300))]);
  }
  return token !== null;
};

const post = (what, wish, signal) => fetch(`/.lab/${what}`, {
  method: "POST",
  headers: { "Content-Type": "application/json", "X-Lab-Token": token ?? "" },
  body: JSON.stringify(wish),
  signal,
  cache: "no-store",
  credentials: "omit",
});

const GONE = "The lab does not answer: is cargo lab still running?";

// What a refusal says.
const refusal = async (response) => {
  const text = await response.text();
  if (response.status === 401) return "This page is from an earlier cargo lab: open the address that it has printed now.";
  try {
    return JSON.parse(text).text;
  } catch {
    return text;
  }
};

// Asks once; `{ ok, body }`, or `{ ok: false, text }` with a sentence for the reader.
export const ask = async (what, wish) => {
  try {
    const response = await post(what, wish);
    if (!response.ok) return { ok: false, text: await refusal(response) };
    return { ok: true, body: response.status === 204 ? null : await response.json() };
  } catch {
    return { ok: false, text: GONE };
  }
};

// Asks, and hears messages, one a line, until the server has no more or `signal` ends it. Each is given to `hear`.
export const follow = async (what, wish, signal, hear) => {
  try {
    const response = await post(what, wish, signal);
    if (!response.ok) {
      hear({ is: "error", text: await refusal(response) });
      return;
    }
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = "";
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      const lines = (rest + value).split("\n");
      rest = lines.pop();
      for (const line of lines) hear(JSON.parse(line));
    }
  } catch (error) {
    // Whoever ended it knows that.
    if (!signal.aborted) hear({ is: "error", text: GONE, cause: String(error) });
  }
};
