// Pay, cancel or return a demo order, over the public API.
import { post } from "./api.js";

const section = document.getElementById("order");
const problem = document.getElementById("order-problem");
const buttons = [...section.querySelectorAll("[data-action]")];

async function act(action) {
  buttons.forEach((button) => (button.disabled = true));
  problem.hidden = true;
  const order = section.dataset.order;
  try {
    // One order can be paid, cancelled or returned once: the order itself names the attempt.
    await post(`/orders/${order}/${action}`, {}, { key: `page-${action}-${order}` });
    location.reload();
  } catch (error) {
    problem.textContent = error.message;
    problem.hidden = false;
    buttons.forEach((button) => (button.disabled = false));
  }
}

buttons.forEach((button) => button.addEventListener("click", () => act(button.dataset.action)));
document.addEventListener("countdown-over", () => location.reload());
