// The cart page: quotes as you type, over the public API alone.
import { Problem, debounced, post, randomName } from "./api.js";
import { clearAdvice, showAdvice } from "./cart_advice.js";
import { startCodeForm } from "./cart_code.js";
import { clearCoupons, showCoupons } from "./cart_coupons.js";
import { clearLinePrices, showLinePrices, showLines } from "./cart_lines.js";
import { clearCart, onCartChange, readCart } from "./cart_store.js";
import { moneyFormat } from "./money.js";
import { startProductSearch } from "./products.js";

const PAUSE = 200;
const page = document.getElementById("cart");
const money = moneyFormat(page.dataset.currency);
const problem = document.getElementById("cart-problem");
const totals = document.getElementById("totals");
const placeOrder = document.getElementById("place-order");
const chooseForMe = document.getElementById("choose-for-me");
const hint = document.getElementById("coupons-hint");

// Null lets the platform choose; a set is what the shopper ticked.
let chosen = page.dataset.chosen ? new Set([page.dataset.chosen]) : null;
let quote = null;
// Until the price of what is in the cart now has come, nobody orders at the old one.
let isFresh = false;
let running = new AbortController();
// One attempt to order this very cart: a repeated click or a lost answer must not order twice.
let attempt = null;

function cartFacts() {
  const delivery = document.querySelector("[name=shipping]:checked");
  return { lines: cartLines(), channel: page.dataset.channel, ...(delivery ? { shipping: delivery.value } : {}) };
}

function showTotal(name, amount, { isHidden = false } = {}) {
  document.getElementById(name).textContent = money(amount);
  const row = document.getElementById(`${name}-row`);
  if (row) row.hidden = isHidden;
}

function cartLines() {
  return readCart().map(({ sku, quantity }) => ({ sku, quantity }));
}

function showProblem(sentence) {
  problem.textContent = sentence;
  problem.hidden = !sentence;
}

function showQuote() {
  showLinePrices(quote, money);
  showCoupons(quote, { money, chosen, onChoose: choose });
  showAdvice(quote, { money, isChosenByHand: chosen !== null });
  showTotal("subtotal", quote.subtotal);
  document.getElementById("discount").textContent = `−${money(quote.discount)}`;
  showShipping();
  const taxLabel = document.getElementById("tax-label");
  taxLabel.textContent = quote.prices_include_tax ? taxLabel.dataset.included : taxLabel.dataset.added;
  showTotal("tax", quote.tax, { isHidden: Number(quote.tax) === 0 });
  showTotal("payable", quote.payable);
  totals.hidden = false;
  hint.hidden = quote.coupons.length > 0;
  hint.textContent = gettext("You hold no coupon that could be used now.");
  chooseForMe.hidden = chosen === null;
}

function showShipping() {
  const before = document.getElementById("shipping-before");
  before.textContent = money(quote.shipping);
  before.hidden = Number(quote.shipping_discount) === 0;
  showTotal("shipping", quote.shipping_payable, { isHidden: Number(quote.shipping) === 0 });
}

function showNoQuote() {
  quote = null;
  isFresh = false;
  totals.hidden = true;
  clearCoupons();
  clearAdvice();
  clearLinePrices();
  hint.hidden = false;
  chooseForMe.hidden = true;
  allowOrder();
}

function allowOrder() {
  if (placeOrder) placeOrder.disabled = !isFresh || attempt?.isRunning === true;
}

async function askForQuote() {
  // An answer to an older question must not overwrite a newer one.
  running.abort();
  running = new AbortController();
  const { signal } = running;
  const facts = cartFacts();
  if (facts.lines.length === 0) {
    showProblem("");
    showNoQuote();
    return;
  }
  try {
    const answer = await post("/quotes", { ...facts, claims: chosen && [...chosen] }, { signal });
    if (signal.aborted) return;
    quote = answer;
    isFresh = true;
    showProblem("");
    showQuote();
  } catch (error) {
    if (error.name === "AbortError" || signal.aborted) return;
    if (error instanceof Problem && error.code === "not_found" && chosen !== null) {
      // A link to a claim that is not the shopper's: as if it had not been there.
      chosen = null;
      askForQuote();
      return;
    }
    isFresh = false;
    showProblem(error.message);
  } finally {
    allowOrder();
  }
}

const askSoon = debounced(askForQuote, PAUSE);

function choose(claim, isTicked) {
  const ticked = chosen ?? new Set(quote.coupons.filter((each) => each.status === "applied").map((each) => each.claim));
  if (isTicked) ticked.add(claim);
  else ticked.delete(claim);
  chosen = ticked;
  reconsider();
}

// Nobody orders at the price of another choice.
function reconsider() {
  isFresh = false;
  allowOrder();
  askForQuote();
}

function outdate() {
  isFresh = false;
  allowOrder();
  askSoon();
}

async function order() {
  const claims = quote.coupons.filter((coupon) => coupon.status === "applied").map((coupon) => coupon.claim);
  const wanted = { ...cartFacts(), claims, expected_payable: quote.payable };
  const fingerprint = JSON.stringify(wanted);
  if (attempt?.fingerprint !== fingerprint) attempt = { fingerprint, name: `web-${randomName()}` };
  attempt.isRunning = true;
  allowOrder();
  try {
    const placed = await post("/orders", { reference: attempt.name, ...wanted }, { key: attempt.name });
    clearCart();
    location.assign(page.dataset.orderUrl.replace("00000000-0000-0000-0000-000000000000", placed.id));
  } catch (error) {
    attempt.isRunning = false;
    // The lost answer of an order that was placed comes back under the same name; a refusal changes the price.
    if (error.status >= 400 && error.status < 500) await askForQuote();
    showProblem(error.message);
    allowOrder();
  }
}

onCartChange((lines) => {
  showLines(lines, money);
  outdate();
});
chooseForMe.addEventListener("click", () => {
  chosen = null;
  reconsider();
});
for (const option of document.querySelectorAll("[name=shipping]")) option.addEventListener("change", reconsider);
startCodeForm(reconsider);
placeOrder?.addEventListener("click", order);
// Back from the order, a page out of the browser's memory shows the cart of then.
addEventListener("pageshow", (event) => {
  if (event.persisted) location.reload();
});

showLines(readCart(), money);
startProductSearch(money);
askForQuote();
