// Talks to the node. Whatever is refused becomes a Refused with the answer's own words.

export class Refused extends Error {
  constructor(status, answer) {
    super(answer.error ?? String(status));
    Object.assign(this, { status, answer, code: answer.error ?? "other" });
  }
}

let csrf = "";

// Without an end a phone that lost its network would wait for ever. A trial on a small node takes its time.
const WAIT_MS = 20_000, LONG_MS = 60_000;

async function call(path, options = {}, waitMs = WAIT_MS) {
  const signal = AbortSignal.timeout?.(waitMs); // browsers of before 2022 have none
  const response = await fetch(path, { credentials: "same-origin", cache: "no-store", signal, ...options });
  let answer = {};
  try { answer = await response.json(); } catch { /* an answer without words */ }
  if (!response.ok) throw new Refused(response.status, answer);
  if (answer.csrf) csrf = answer.csrf;
  return answer;
}
const post = (path, document, waitMs) => call(path, {
  method: "POST",
  headers: { "Content-Type": "application/json", "X-Tuquan-Csrf": csrf },
  body: JSON.stringify(document),
}, waitMs);

export const session = () => call("/api/session");
export const enter = (code) => post("/api/enter", { code });
export const leave = () => post("/api/leave", {});
export const now = (used) => call(used ? "/api/now?used=1" : "/api/now");
export const configuration = () => call("/api/configuration");
export const check = (draft) => post("/api/check", draft);
export const attempt = (draft) => post("/api/try", draft, LONG_MS);
export const save = (revision, draft) => post("/api/save", { revision, draft }, LONG_MS);
export const versions = () => call("/api/versions");
export const restore = (revision, name) => post("/api/restore", { revision, name }, LONG_MS);
