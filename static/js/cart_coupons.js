// The coupons beside the cart: what each does here, or why it does nothing.
const list = document.getElementById("coupons");
const SOON = 24 * 3600 * 1000;

function promotionItem(promotion, money) {
  const item = document.getElementById("promotion-template").content.firstElementChild.cloneNode(true);
  item.querySelector(".cart-coupon-title").textContent = promotion.title;
  if (Number(promotion.amount) > 0) item.querySelector(".cart-coupon-amount").textContent = `−${money(promotion.amount)}`;
  return item;
}

function couponItem(coupon, money, onChoose) {
  const item = document.getElementById("coupon-template").content.firstElementChild.cloneNode(true);
  const box = item.querySelector("input");
  item.classList.add(`is-${coupon.status}`);
  item.dataset.claim = coupon.claim;
  box.checked = coupon.status === "applied" || coupon.isChosen;
  // What does nothing cannot be chosen; what was chosen can always be given up.
  box.disabled = coupon.status === "refused" && !coupon.isChosen;
  box.addEventListener("change", () => onChoose(coupon.claim, box.checked));
  item.querySelector(".cart-coupon-title").textContent = coupon.title;
  item.querySelector(".cart-coupon-detail").textContent = coupon.detail;
  const amount = item.querySelector(".cart-coupon-amount");
  if (coupon.status === "applied" && Number(coupon.amount) > 0) amount.textContent = `−${money(coupon.amount)}`;
  item.querySelector(".cart-coupon-best").hidden = !coupon.isBest;
  if (Date.parse(coupon.expires_at) - Date.now() < SOON) {
    item.querySelector(".cart-coupon-end").textContent = gettext("Expires within a day");
  }
  return item;
}

export function showCoupons({ coupons, promotions, best }, { money, chosen, onChoose }) {
  const focused = document.activeElement?.closest?.("[data-claim]")?.dataset.claim;
  const rank = { applied: 0, available: 1, refused: 2 };
  const sorted = coupons
    .map((coupon) => ({
      ...coupon,
      isChosen: chosen?.has(coupon.claim) ?? false,
      isBest: best?.claims.includes(coupon.claim) ?? false,
    }))
    .sort((a, b) => rank[a.status] - rank[b.status]);
  list.replaceChildren(
    ...promotions.map((promotion) => promotionItem(promotion, money)),
    ...sorted.map((coupon) => couponItem(coupon, money, onChoose)),
  );
  // The list is new, the person is where they were.
  if (focused) list.querySelector(`[data-claim="${CSS.escape(focused)}"] input`)?.focus();
}

export function clearCoupons() {
  list.replaceChildren();
}
