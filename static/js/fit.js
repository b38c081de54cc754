// The sliders of a coupon that its shopper fits to taste: what it would be, before it is claimed.
import { moneyFormat } from "./money.js";

const section = document.getElementById("fit");
const form = section.querySelector("form");
const { amount_off: amount, days, minimum_spend: spend } = form.elements;
const money = moneyFormat(section.dataset.currency);
const number = (name) => Number(section.dataset[name]);
const drawing = section.querySelector("svg");
const width = Number(drawing.dataset.width);
const height = Number(drawing.dataset.height);

// The one place where the page computes with money: whole minor units, shown by the same format as everywhere.
const show = (minor) => money(minor / 10 ** number("decimals"));

function factor(ofDays) {
  const span = number("daysMaximum") - number("daysMinimum");
  if (span === 0) return number("factorShortest");
  const rise = number("factorLongest") - number("factorShortest");
  return number("factorShortest") + (rise * (ofDays - number("daysMinimum"))) / span;
}

function leastSpend(ofAmount, ofDays) {
  const step = number("amountStep");
  // A hair below a whole step is the arithmetic of floats, not a further step.
  const steps = Math.ceil((factor(ofDays) * ofAmount) / step - 1e-9);
  return Math.min(steps * step, number("spendMaximum"));
}

function draw() {
  const spanOfDays = Math.max(1, number("daysMaximum") - number("daysMinimum"));
  const x = (ofDays) => ((ofDays - number("daysMinimum")) / spanOfDays) * width;
  const y = (ofSpend) => height - (ofSpend / number("spendMaximum")) * height;
  const line = document.getElementById("fit-line");
  const dot = document.getElementById("fit-dot");
  line.setAttribute("y1", y(leastSpend(amount.valueAsNumber, number("daysMinimum"))));
  line.setAttribute("y2", y(leastSpend(amount.valueAsNumber, number("daysMaximum"))));
  dot.setAttribute("cx", x(days.valueAsNumber));
  dot.setAttribute("cy", y(spend.valueAsNumber));
}

function update(event) {
  const least = leastSpend(amount.valueAsNumber, days.valueAsNumber);
  // Amount and days decide what is needed; the spend slider goes on from there and never below.
  if (event?.target !== spend || spend.valueAsNumber < least) spend.value = least;
  document.getElementById("fit-amount").textContent = show(amount.valueAsNumber);
  document.getElementById("fit-spend").textContent = show(spend.valueAsNumber);
  document.getElementById("fit-days").textContent = days.value;
  amount.setAttribute("aria-valuetext", show(amount.valueAsNumber));
  spend.setAttribute("aria-valuetext", show(spend.valueAsNumber));
  draw();
}

form.addEventListener("input", update);
update();
