// When to ask for numbers: as the exporter says that they changed, now and then in any case, and never in a hidden tab.
// Every second it says how old they are; a wall that does not hear that asks. An answer may take long while it is heard: then
// the screen is behind by as much, and says so.
const POLL_MS = 5000, QUIET_MS = 2500, LOST_MS = 1000, AGAIN_MS = 2000, LEAST_MS = 400, MOST_MS = 4000;
const SILENT_MS = 8000, TIMEOUT_MS = 60000, OTHER_MS = 1000;

export class Connection {
  /** url: () => what to ask. take(json): what came. tell(json): how old it is now. refused(json): there is no such view, or it is not for these eyes. lost(): no answer. */
  constructor({ url, take, tell, refused, lost }) {
    Object.assign(this, { url, take, tell, refused, lost });
    this.source = this.timer = this.busy = null;
    this.asked = this.took = this.heard = this.changed = this.shownAt = 0;
    this.shown = this.giveUp = null;
    this.again = this.isLost = false;
  }

  start() {
    document.addEventListener("visibilitychange", () => (document.hidden ? this.pause() : this.resume()));
    setInterval(() => {
      if (this.busy && Date.now() - Math.max(this.asked, this.heard) > SILENT_MS) this.giveUp?.abort();
      const isQuiet = Date.now() - this.heard > QUIET_MS;
      if (!document.hidden && Date.now() - this.asked > (this.isLost ? LOST_MS : isQuiet ? QUIET_MS : POLL_MS)) this.refresh();
    }, 500);
    if (!document.hidden) this.resume();
  }

  resume() {
    this.listen();
    this.refresh();
  }

  /** Milliseconds by which the screen is behind what is known to have changed, or another view than the one that is chosen. */
  get behind() {
    const now = Date.now(), isOther = this.shown !== null && this.shown !== this.url() && now - this.asked > OTHER_MS;
    return isOther || this.changed > this.shownAt ? now - this.shownAt : 0;
  }

  pause() {
    this.source?.close();
    this.source = null;
    clearTimeout(this.timer);
    this.timer = null;
  }

  listen() {
    this.source?.close();
    const source = this.source = new EventSource("api/v1/stream");
    source.addEventListener("changed", () => { this.changed = Date.now(); this.soon(); });
    source.addEventListener("age", (event) => { this.heard = Date.now(); if (!this.isLost) this.tell(JSON.parse(event.data)); });
    source.addEventListener("error", () => {
      this.soon();
      // A browser gives up on answers that are no stream (a proxy's error page); a wall must not.
      if (source.readyState === EventSource.CLOSED) setTimeout(() => { if (this.source === source) this.listen(); }, AGAIN_MS);
    });
  }

  /** Ask, but leave the exporter three times the time that its last answer took. */
  soon() {
    if (this.timer || document.hidden) return;
    const pause = Math.min(MOST_MS, Math.max(LEAST_MS, 3 * this.took));
    this.timer = setTimeout(() => { this.timer = null; this.refresh(); }, Math.max(0, this.asked + pause - Date.now()));
  }

  /** Ask now. While an answer is under way, another is asked for after it: the view may have changed meanwhile. */
  async refresh() {
    if (this.busy) { this.again = true; return this.busy; }
    this.busy = this.ask();
    try { await this.busy; } finally { this.busy = null; }
    if (this.again) { this.again = false; await this.refresh(); }
  }

  async ask() {
    const began = this.asked = Date.now(), url = this.url(), giveUp = this.giveUp = new AbortController();
    const last = setTimeout(() => giveUp.abort(), TIMEOUT_MS);
    let found;
    try {
      const answer = await fetch(url, { cache: "no-store", signal: giveUp.signal });
      if (!answer.ok && ![400, 403].includes(answer.status)) throw new Error(answer.statusText);
      found = { json: await answer.json(), isTaken: answer.ok };
    } catch {
      this.isLost = true;
      this.lost();
      return;
    } finally {
      clearTimeout(last);
    }
    this.took = Date.now() - began;
    this.isLost = false;
    // Another view was chosen meanwhile: this answer is not what the screen says it is.
    if (url !== this.url()) { this.again = true; return; }
    this.shown = url;
    this.shownAt = began;
    if (found.isTaken) this.take(found.json); else this.refused(found.json);
  }
}
