// Fills in the code that a QR code carried.
import { forget, secretOf } from "./fragment.js";

const form = document.getElementById("code-form");
const field = document.getElementById("code-text");

function fill() {
  const code = secretOf("code");
  if (code) field.value = code;
}

fill();
addEventListener("hashchange", fill);
form.addEventListener("submit", () => forget("code"));
