// System: heartbeats age by themselves, so the page asks again even when nothing changes.

import { listen } from "../live/events.js";
import { refresh } from "../live/live.js";

listen("/events", document.querySelector("main").dataset.change, { run: refresh, deleted: refresh });
setInterval(() => document.hidden || refresh(), 3000);
