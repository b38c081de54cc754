// Shows the gift whose link was opened, and remembers it while its recipient signs in.
import { forget, secretOf } from "./fragment.js";

const look = document.getElementById("gift-look");
const accept = document.getElementById("gift-accept");

function ask() {
  const secret = secretOf("gift");
  if (!secret) return;
  look.elements.token.value = secret;
  if ("asksAtOnce" in look.dataset) look.requestSubmit();
}

if (document.getElementById("gift-refusal")) forget("gift");
if (look) {
  ask();
  addEventListener("hashchange", ask);
}
accept?.addEventListener("submit", () => forget("gift"));
