// The product search of the cart.
import { debounced, get } from "./api.js";
import { addToCart } from "./cart_store.js";

const SHOWN = 6;
const PAUSE = 200;

export function startProductSearch(money) {
  const box = document.getElementById("product-query");
  const list = document.getElementById("products");
  let running = new AbortController();

  async function search() {
    // Only the answer to the last question counts.
    running.abort();
    running = new AbortController();
    const { signal } = running;
    try {
      const query = new URLSearchParams({ q: box.value.trim(), limit: SHOWN });
      const { results } = await get(`/products?${query}`, { signal });
      if (!signal.aborted) show(results);
    } catch (error) {
      if (error.name !== "AbortError") showSentence(error.message);
    }
  }

  function show(products) {
    if (products.length === 0) {
      showSentence(gettext("No product fits."));
      return;
    }
    list.replaceChildren(...products.map(productItem));
  }

  function showSentence(sentence) {
    const item = document.createElement("li");
    item.className = "muted";
    item.textContent = sentence;
    list.replaceChildren(item);
  }

  function productItem(product) {
    const item = document.getElementById("product-template").content.firstElementChild.cloneNode(true);
    item.querySelector(".product-name").textContent = product.name;
    item.querySelector(".product-detail").textContent = product.brand;
    item.querySelector(".product-price").textContent = money(product.price);
    const button = item.querySelector(".product-add");
    button.setAttribute("aria-label", interpolate(gettext("Add %s"), [product.name]));
    button.addEventListener("click", () => addToCart(product));
    return item;
  }

  box.addEventListener("input", debounced(search, PAUSE));
  search();
}
