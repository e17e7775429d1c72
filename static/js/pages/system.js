// The System page: reads itself again, because heartbeats age without events.

import { listen } from "../live/events.js";
import { refresh } from "../live/live.js";

listen("/events", document.querySelector("main").dataset.change, { run: refresh, deleted: refresh });
setInterval(() => document.hidden || refresh(), 3000);
