// Pay, cancel or return a demo order, over the public API.
import { post } from "./api.js";

const section = document.getElementById("order");
const problem = document.getElementById("order-problem");
const returnSome = document.getElementById("return-some");
const returns = [...document.querySelectorAll("[data-line]")];
const buttons = [...section.querySelectorAll("[data-action]")];

async function act(action, body = {}, attempt = "") {
  buttons.forEach((button) => (button.disabled = true));
  problem.hidden = true;
  const order = section.dataset.order;
  try {
    // One order can be paid, cancelled or returned once: the order itself names the attempt.
    await post(`/orders/${order}/${action}`, body, { key: `page-${action}-${order}${attempt}` });
    location.reload();
  } catch (error) {
    problem.textContent = error.message;
    problem.hidden = false;
    buttons.forEach((button) => (button.disabled = false));
  }
}

function chosenUnits() {
  return returns
    .filter((input) => input.valueAsNumber > 0)
    .map((input) => ({ number: Number(input.dataset.line), quantity: input.valueAsNumber }));
}

returnSome?.addEventListener("click", () => {
  // What is still there names the attempt: the same units may come back twice, one after the other.
  const left = returns.map((input) => input.max).join("-");
  act("refund", { lines: chosenUnits() }, `-${left}`);
});
returns.forEach((input) =>
  input.addEventListener("input", () => {
    returnSome.disabled = chosenUnits().length === 0;
  }),
);
buttons.forEach((button) => button.addEventListener("click", () => act(button.dataset.action)));
document.addEventListener("countdown-over", () => location.reload());
