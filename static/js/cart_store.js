// The cart, kept in this browser: [{ sku, name, price, quantity }].
const KEY = "quan-cart";
const MAXIMUM_LINES = 200;
export const MAXIMUM_QUANTITY = 9999;

const listeners = new Set();

function isLine(line) {
  return (
    typeof line?.sku === "string" &&
    Number.isInteger(line.quantity) &&
    line.quantity >= 1 &&
    line.quantity <= MAXIMUM_QUANTITY
  );
}

export function readCart() {
  try {
    const stored = JSON.parse(localStorage.getItem(KEY) ?? "[]");
    return Array.isArray(stored) ? stored.filter(isLine).slice(0, MAXIMUM_LINES) : [];
  } catch {
    return [];
  }
}

function writeCart(lines) {
  try {
    localStorage.setItem(KEY, JSON.stringify(lines));
  } catch {
    // A browser that keeps nothing still shows the page; the cart ends with it.
  }
  listeners.forEach((listener) => listener(lines));
}

export function addToCart(product) {
  const lines = readCart();
  const line = lines.find((each) => each.sku === product.sku);
  if (line) {
    line.quantity = Math.min(line.quantity + 1, MAXIMUM_QUANTITY);
  } else if (lines.length < MAXIMUM_LINES) {
    lines.push({ sku: product.sku, name: product.name, price: product.price, quantity: 1 });
  }
  writeCart(lines);
}

export function setQuantity(sku, quantity) {
  const lines = readCart().map((line) => (line.sku === sku ? { ...line, quantity } : line));
  writeCart(lines.filter((line) => line.quantity > 0));
}

export function clearCart() {
  writeCart([]);
}

export function cartSize() {
  return readCart().reduce((sum, line) => sum + line.quantity, 0);
}

// Calls back on every change, other tabs' included.
export function onCartChange(listener) {
  listeners.add(listener);
  addEventListener("storage", (event) => {
    if (event.key === KEY) listener(readCart());
  });
}
