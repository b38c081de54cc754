// Forms with `data-proof`: the browser works for what they ask before they are sent. See proof_worker.js for the work.
//
// The challenge stands in the form (`data-challenge`) or comes from the API (`data-proof-of`, the coupon's id). A form
// with `data-proof-early` begins as soon as it is shown, so that nobody waits who reads before pressing.
import { get, Problem } from "./api.js";
import { showToast } from "./toast.js";

// A challenge holds for ten minutes; one that was solved long ago is not worth a try.
const FRESH_FOR = 8 * 60 * 1000;
const works = new WeakMap();
const waiting = new WeakSet();

function solve(challenge) {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL("proof_worker.js", import.meta.url));
    worker.addEventListener("message", ({ data: number }) => {
      worker.terminate();
      if (number === null) reject(new Error("no number has this hash"));
      else resolve(number);
    });
    worker.addEventListener("error", (event) => {
      worker.terminate();
      reject(new Error(event.message));
    });
    worker.postMessage(challenge);
  });
}

async function prove(form) {
  const challenge = form.dataset.challenge
    ? JSON.parse(form.dataset.challenge)
    : await get(`/coupons/${form.dataset.proofOf}/challenge`);
  const number = await solve(challenge);
  const { algorithm, challenge: hash, salt, signature } = challenge;
  return btoa(JSON.stringify({ algorithm, challenge: hash, number, salt, signature }));
}

// The work for a form, begun anew where the last one is too old or failed.
function workOf(form) {
  let work = works.get(form);
  if (!work || Date.now() - work.since > FRESH_FOR) {
    work = { since: Date.now(), proof: "" };
    work.done = prove(form).then((proof) => {
      work.proof = proof;
    });
    // Whoever presses hears of it; a failure before that is nobody's concern.
    work.done.catch(() => works.delete(form));
    works.set(form, work);
  }
  return work;
}

function showWork(form, isWorking) {
  const button = form.querySelector("button");
  // Not disabled: that would take the focus away.
  if (isWorking) button.setAttribute("aria-busy", "true");
  else button.removeAttribute("aria-busy");
  form.querySelector(".proof-status").textContent = isWorking ? gettext("Checking your browser…") : "";
}

async function sendWhenDone(form) {
  if (waiting.has(form)) return;
  waiting.add(form);
  showWork(form, true);
  try {
    await workOf(form).done;
  } catch (problem) {
    const isOurs = problem instanceof Problem;
    showToast(isOurs ? problem.message : gettext("Your browser could not do the check. Try another one."));
    return;
  } finally {
    waiting.delete(form);
    showWork(form, false);
  }
  form.requestSubmit();
}

// Before htmx and everything else hears of it.
document.addEventListener(
  "submit",
  (event) => {
    const form = event.target;
    if (!form.hasAttribute("data-proof")) return;
    const { proof } = workOf(form);
    if (proof) {
      form.elements.proof.value = proof;
      // A solution counts once: another press works for another one. The one that stands in the page is the only one
      // there; the server answers it with the page anew.
      if (!form.dataset.challenge) works.delete(form);
      return;
    }
    event.preventDefault();
    event.stopImmediatePropagation();
    sendWhenDone(form);
  },
  true,
);

function beginEarly() {
  for (const form of document.querySelectorAll("form[data-proof-early]")) workOf(form);
}

beginEarly();
document.body.addEventListener("htmx:load", beginEarly);
