// The boxes of a table's rows, set one by one, together by the box in its head, or as a range with Shift.

import { isPending } from "../live/pending.js";

const BOXES = 'input[name="ids"]';

const setBoxes = (boxes, isOn) => {
  for (const box of boxes) box.checked = isOn;
};

export class Ticks {
  #form;
  #set;
  #anchor = null; // the box where a range begins

  // `set` gets boxes and whether they are ticked; by default it ticks them.
  constructor(form, set = setBoxes) {
    this.#form = form;
    this.#set = set;
    form.addEventListener("click", (event) => {
      const { target, shiftKey } = event;
      const isBox = target.matches(`${BOXES}, [data-select-page]`);
      if (isBox && isPending(form)) event.preventDefault(); // these rows are those of another filter
      else if (target.matches(BOXES)) this.#tick(target, shiftKey);
      else if (target.matches("[data-select-page]")) this.#setAll(this.boxes, target.checked);
    });
    document.addEventListener("live", () => this.show());
    window.addEventListener("pageshow", () => this.show()); // browsers restore ticks on the way back
    this.show();
  }

  get boxes() {
    return [...this.#form.querySelectorAll(BOXES)];
  }

  // Shows in the head whether all boxes are ticked, or some.
  show() {
    const { boxes } = this;
    const ticked = boxes.filter(({ checked }) => checked).length;
    for (const head of this.#form.querySelectorAll("[data-select-page]")) {
      head.checked = ticked > 0 && ticked === boxes.length;
      head.indeterminate = ticked > 0 && ticked < boxes.length;
    }
  }

  #tick(box, isRange) {
    const { boxes } = this;
    const from = isRange ? boxes.indexOf(this.#anchor) : -1;
    const to = boxes.indexOf(box);
    this.#setAll(from < 0 ? [box] : boxes.slice(Math.min(from, to), Math.max(from, to) + 1), box.checked);
    this.#anchor = box;
  }

  #setAll(boxes, isOn) {
    this.#set(boxes, isOn);
    this.show();
  }
}
