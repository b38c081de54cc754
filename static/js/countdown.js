// Shows how long something lasts, by the server's clock.
const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
// Many pages wait for the same moment; they do not all ask in the same instant.
const LONGEST_DELAY = 600;

const served = Date.parse(document.body.dataset.now ?? "");
const offset = Number.isNaN(served) ? 0 : served - Date.now();

function twoDigits(number) {
  return String(number).padStart(2, "0");
}

export function remainingInWords(milliseconds) {
  const days = Math.floor(milliseconds / DAY);
  const hours = Math.floor((milliseconds % DAY) / HOUR);
  if (days >= 2) {
    return interpolate(ngettext("%s day", "%s days", days), [days]);
  }
  if (days === 1) {
    return interpolate(gettext("1 day %s h"), [hours]);
  }
  const minutes = Math.floor((milliseconds % HOUR) / MINUTE);
  const seconds = Math.floor((milliseconds % MINUTE) / SECOND);
  return `${twoDigits(hours)}:${twoDigits(minutes)}:${twoDigits(seconds)}`;
}

function tick() {
  const now = Date.now() + offset;
  for (const element of document.querySelectorAll("[data-countdown]")) {
    const left = Date.parse(element.dateTime) - now;
    if (left > 0) {
      element.textContent = element.dataset.countdown.replace("{time}", remainingInWords(left));
    } else {
      element.textContent = gettext("now");
      delete element.dataset.countdown;
      setTimeout(() => {
        element.dispatchEvent(new CustomEvent("countdown-over", { bubbles: true }));
      }, Math.random() * LONGEST_DELAY);
    }
  }
}

export function startCountdowns() {
  tick();
  setInterval(tick, SECOND);
  document.body.addEventListener("htmx:afterSettle", tick);
}
