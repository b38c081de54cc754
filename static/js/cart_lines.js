// The lines of the cart and what the quote says about each.
import { MAXIMUM_QUANTITY, setQuantity } from "./cart_store.js";

const list = document.getElementById("lines");
const rows = new Map();

function newRow(line) {
  const row = document.getElementById("line-template").content.firstElementChild.cloneNode(true);
  const number = row.querySelector(".quantity-number");
  const change = (quantity) => setQuantity(line.sku, Math.min(Math.max(quantity, 1), MAXIMUM_QUANTITY));
  const labels = {
    ".quantity-less": gettext("One %s less"),
    ".quantity-more": gettext("One %s more"),
    ".quantity-number": gettext("How many %s"),
    ".line-remove": gettext("Remove %s"),
  };
  for (const [selector, sentence] of Object.entries(labels)) {
    row.querySelector(selector).setAttribute("aria-label", interpolate(sentence, [line.name]));
  }
  row.querySelector(".line-title").textContent = line.name;
  row.querySelector(".quantity-less").addEventListener("click", () => change(number.valueAsNumber - 1 || 1));
  row.querySelector(".quantity-more").addEventListener("click", () => change(number.valueAsNumber + 1 || 1));
  number.addEventListener("input", () => {
    // Half-typed numbers wait for their other half.
    if (Number.isInteger(number.valueAsNumber) && number.valueAsNumber >= 1) change(number.valueAsNumber);
  });
  number.addEventListener("change", () => change(Math.trunc(number.valueAsNumber) || 1));
  row.querySelector(".line-remove").addEventListener("click", () => {
    const next = row.nextElementSibling ?? row.previousElementSibling;
    setQuantity(line.sku, 0);
    (next?.querySelector(".line-remove") ?? document.getElementById("product-query")).focus();
  });
  return row;
}

export function showLines(lines, money) {
  const present = new Set(lines.map((line) => line.sku));
  for (const [sku, row] of rows) {
    if (!present.has(sku)) {
      row.remove();
      rows.delete(sku);
    }
  }
  for (const line of lines) {
    if (!rows.has(line.sku)) {
      rows.set(line.sku, newRow(line));
      list.append(rows.get(line.sku));
    }
    const row = rows.get(line.sku);
    const number = row.querySelector(".quantity-number");
    if (number.valueAsNumber !== line.quantity) number.value = line.quantity;
    row.querySelector(".line-unit").textContent = money(line.price);
  }
  document.getElementById("cart-empty").hidden = lines.length > 0;
}

// Every offer that took something off a line, by the line's product.
function partsBySku({ promotions, coupons }) {
  const parts = new Map();
  for (const offer of [...promotions, ...coupons.filter((coupon) => coupon.status === "applied")]) {
    for (const { sku, amount } of offer.lines) parts.set(sku, [...(parts.get(sku) ?? []), { title: offer.title, amount }]);
  }
  return parts;
}

function discountItem({ title, amount }, money) {
  const item = document.createElement("li");
  item.append(document.createElement("span"), document.createElement("span"));
  item.firstElementChild.textContent = title;
  item.lastElementChild.textContent = `−${money(amount)}`;
  return item;
}

function showGifts(gifts) {
  document.getElementById("gifts").replaceChildren(
    ...gifts.map((gift) => {
      const item = document.getElementById("gift-template").content.firstElementChild.cloneNode(true);
      item.querySelector(".line-title").textContent = `${gift.name} × ${gift.quantity}`;
      return item;
    }),
  );
}

export function clearLinePrices() {
  showGifts([]);
}

export function showLinePrices(quote, money) {
  const parts = partsBySku(quote);
  showGifts(quote.gifts);
  for (const line of quote.lines) {
    const row = rows.get(line.sku);
    if (!row) continue;
    const isSaving = Number(line.discount) > 0;
    const before = row.querySelector(".line-before");
    const saving = row.querySelector(".line-saving");
    row.querySelector(".line-title").textContent = line.name;
    row.querySelector(".line-unit").textContent = money(line.unit_price);
    row.querySelector(".line-payable").textContent = money(line.payable);
    before.textContent = money(line.amount);
    saving.textContent = interpolate(gettext("you save %s"), [money(line.discount)]);
    before.hidden = saving.hidden = !isSaving;
    const taken = (parts.get(line.sku) ?? []).map((part) => discountItem(part, money));
    row.querySelector(".line-discounts").replaceChildren(...taken);
  }
}
