// The public API as a page uses it: the shopper's session, the page's CSRF token, problem documents as errors.
const BASE = "/api/v1";

export class Problem extends Error {
  constructor(body, status) {
    super(body?.detail || gettext("That did not work. Load the page again and try once more."));
    this.code = body?.code ?? "";
    this.parameter = body?.parameter ?? "";
    this.status = status;
  }
}

function csrfToken() {
  return document.querySelector("[name=csrfmiddlewaretoken]").value;
}

async function send(path, options) {
  let response;
  try {
    response = await fetch(BASE + path, { credentials: "same-origin", ...options });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem({ detail: gettext("No connection. Please try again in a moment.") }, 0);
  }
  const body = await response.json().catch(() => null);
  if (!response.ok) throw new Problem(body, response.status);
  return body;
}

export function get(path, { signal } = {}) {
  return send(path, { signal, headers: { Accept: "application/json" } });
}

export function post(path, body, { signal, key } = {}) {
  const headers = {
    Accept: "application/json",
    "Content-Type": "application/json",
    "X-CSRFToken": csrfToken(),
  };
  if (key) headers["Idempotency-Key"] = key;
  return send(path, { method: "POST", signal, headers, body: JSON.stringify(body) });
}

// crypto.randomUUID is missing on plain HTTP.
export function randomName() {
  const bytes = crypto.getRandomValues(new Uint8Array(12));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

// Calls `action` once the calls have stopped for a while.
export function debounced(action, milliseconds) {
  let timer;
  return (...values) => {
    clearTimeout(timer);
    timer = setTimeout(() => action(...values), milliseconds);
  };
}
