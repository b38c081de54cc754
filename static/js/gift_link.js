// Copies or shares the link of a gift.
import { showToast } from "./toast.js";

const field = document.getElementById("gift-link");
const copy = document.getElementById("gift-copy");
const share = document.getElementById("gift-share");

field.addEventListener("focus", () => field.select());

copy.addEventListener("click", async () => {
  field.select();
  try {
    await navigator.clipboard.writeText(field.value);
  } catch {
    // Plain HTTP has no clipboard: the link is selected, ready for the keyboard.
    return;
  }
  showToast(copy.dataset.copied);
});

if (navigator.share) {
  share.hidden = false;
  share.addEventListener("click", async () => {
    try {
      await navigator.share({ title: share.dataset.title, text: share.dataset.text, url: field.value });
    } catch {
      // Whoever closed the share sheet did not want to share.
    }
  });
}
