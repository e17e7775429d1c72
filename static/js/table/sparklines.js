// Sparklines of the train loss in rows of runs, redrawn as epochs arrive; `app/runs/listing/sparklines.py` draws the first ones.

import { loss, plural } from "../format.js";
import { EpochColumns, readEpochs } from "../live/epoch_columns.js";
import { throttle } from "../throttle.js";

const WIDTH = 80;
const HEIGHT = 18;
const EDGE = 2;
const MOST_POINTS = 32;
const PAUSE = 200; // ms

const numbers = (text) => (text ? text.split(" ").map(Number) : []);

// The losses at evenly spaced epochs as the points of a polyline, on a logarithmic axis.
export function points({ epoch, train_loss: losses }, total) {
  const count = Math.min(MOST_POINTS, epoch.length);
  const places = Array.from({ length: count }, (_, place) => Math.floor((place * (epoch.length - 1)) / Math.max(1, count - 1)));
  const found = places.filter((place) => Number.isFinite(losses[place])).map((place) => [epoch[place], Math.log(Math.max(losses[place], 1e-12))]);
  const levels = found.map(([, level]) => level);
  const [low, high] = [Math.min(...levels), Math.max(...levels)];
  const across = (WIDTH - 2 * EDGE) / Math.max(1, total - 1);
  const down = (HEIGHT - 2 * EDGE) / (high - low || 1);
  const line = found.map(([at, level]) => `${(EDGE + (at - 1) * across).toFixed(1)},${(EDGE + (high - level) * down).toFixed(1)}`);
  return (line.length === 1 ? [...line, ...line] : line).join(" ");
}

const lineOf = (id) => document.querySelector(`[data-runs] tr[data-run="${id}"] [data-epochs]`);

export class Sparklines {
  #epochs = new EpochColumns(readEpochs);
  #ids = new Set();

  constructor() {
    const draw = throttle(() => this.#ids.forEach((id) => this.#draw(id)), PAUSE);
    this.#epochs.addEventListener("change", draw);
    document.addEventListener("live", draw);
  }

  epoch(record) {
    const line = lineOf(record.run_id);
    if (!line) return;
    if (!this.#ids.has(record.run_id)) {
      this.#ids.add(record.run_id);
      const { epochs, losses } = line.dataset;
      this.#epochs.take({ [record.run_id]: { epoch: numbers(epochs), train_loss: numbers(losses) } });
    }
    this.#epochs.add(record);
  }

  reset(id) {
    if (lineOf(id)) this.#ids.add(id);
    this.#epochs.reset(id);
  }

  #draw(id) {
    const line = lineOf(id);
    const columns = this.#epochs.of(id);
    if (!line || !columns?.epoch.length) return;
    line.querySelector("polyline").setAttribute("points", points(columns, Number(line.dataset.sparkline)));
    const { epoch, train_loss: losses } = columns;
    const label = `Train loss ${loss(losses[0])} to ${loss(losses.at(-1))} nats, ${plural(epoch.at(-1), "epoch")}`;
    line.setAttribute("aria-label", label);
    line.querySelector("title").textContent = label;
  }
}
