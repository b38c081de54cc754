// A code typed beside the cart becomes a claim, which the next quote knows.
import { post, randomName } from "./api.js";

const form = document.getElementById("code-form");
const problem = document.getElementById("code-problem");

export function startCodeForm(onClaim) {
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const button = form.querySelector("button");
    button.disabled = true;
    problem.hidden = true;
    try {
      await post("/claims", { code: form.elements.code.value }, { key: `cart-${randomName()}` });
      form.reset();
      onClaim();
    } catch (error) {
      problem.textContent = error.message;
      problem.hidden = false;
    } finally {
      button.disabled = false;
    }
  });
}
