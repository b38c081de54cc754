// What every page does.
import { cartSize, onCartChange } from "./cart_store.js";
import { startCountdowns } from "./countdown.js";
import "./proof.js";
import { showToast } from "./toast.js";

function showCartSize() {
  const size = cartSize();
  for (const badge of document.querySelectorAll(".cart-badge")) {
    badge.hidden = size === 0;
    badge.textContent = size > 99 ? "99+" : String(size);
  }
}

startCountdowns();
showCartSize();
onCartChange(showCartSize);

// A second press must not cancel the answer to the first.
document.body.addEventListener("submit", (event) => {
  const form = event.target;
  if (!form.hasAttribute("data-once")) return;
  if (form.hasAttribute("data-sent")) event.preventDefault();
  form.setAttribute("data-sent", "");
});
window.addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form[data-sent]")) form.removeAttribute("data-sent");
});

document.body.addEventListener("htmx:responseError", (event) => {
  const sentences = {
    429: gettext("Too many requests. Please wait a moment."),
    503: gettext("Very many people right now. Please try again in a moment."),
  };
  showToast(
    sentences[event.detail.xhr.status] ?? gettext("That did not work. Load the page again and try once more."),
  );
});
for (const name of ["htmx:sendError", "htmx:timeout"]) {
  document.body.addEventListener(name, () => {
    showToast(gettext("No connection. Please try again in a moment."));
  });
}
