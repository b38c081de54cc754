// Amounts arrive as decimal strings and are only ever shown, never computed with.
export function moneyFormat(currency) {
  const format = new Intl.NumberFormat(document.documentElement.lang, {
    style: "currency",
    currency,
    currencyDisplay: "narrowSymbol",
  });
  return (amount) => format.format(amount);
}
