// What a page has to say after something was done without leaving it.

const notice = document.querySelector("[data-said]");
const words = notice.querySelector("span");

notice.querySelector("button").addEventListener("click", hush);

export function say(text, isBad = false) {
  notice.hidden = false;
  notice.classList.toggle("bad", isBad);
  notice.setAttribute("role", isBad ? "alert" : "status");
  words.textContent = text;
}

export function hush() {
  notice.hidden = true;
  words.textContent = "";
}
