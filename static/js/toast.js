// A short sentence at the foot of the page that goes away by itself.
const SHOWN_FOR = 6000;
let timer;

export function showToast(sentence) {
  const toast = document.getElementById("toast");
  toast.textContent = sentence;
  toast.hidden = false;
  clearTimeout(timer);
  timer = setTimeout(() => {
    toast.hidden = true;
  }, SHOWN_FOR);
}
