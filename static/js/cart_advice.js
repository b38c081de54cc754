// What is worth knowing beside the price: the best combination, and what is missing or ends tonight.
const best = document.getElementById("best");
const hints = document.getElementById("hints");

function sentenceOfBest(quote, isChosenByHand, money) {
  if (Number(quote.best.saves_more) > 0) {
    return interpolate(gettext("Another choice saves %s more."), [money(quote.best.saves_more)]);
  }
  if (!quote.coupons.some((coupon) => coupon.status === "applied")) return "";
  if (!quote.best.is_proven) {
    return interpolate(gettext("The best we found; another choice could save at most %s more."), [money(quote.best.gap)]);
  }
  return isChosenByHand
    ? gettext("Your choice is as good as any.")
    : gettext("Best for you: no other choice of your coupons costs less.");
}

export function showAdvice(quote, { money, isChosenByHand }) {
  best.textContent = quote.best === null ? "" : sentenceOfBest(quote, isChosenByHand, money);
  best.hidden = !best.textContent;
  const isBeaten = quote.best !== null && Number(quote.best.saves_more) > 0;
  best.classList.toggle("is-good", !isBeaten);
  const titles = new Map(quote.coupons.map((coupon) => [coupon.claim, coupon.title]));
  hints.replaceChildren(
    ...quote.hints.map((hint) => {
      const item = document.createElement("li");
      item.className = `hint is-${hint.code}`;
      const title = document.createElement("strong");
      title.textContent = titles.get(hint.claim) ?? "";
      item.append(title, document.createElement("span"));
      item.lastElementChild.textContent = hint.detail;
      return item;
    }),
  );
}

export function clearAdvice() {
  best.hidden = true;
  hints.replaceChildren();
}
