// Asks until there is an answer: what is away for a while (a ledger that reads on, an exporter that restarts) comes by itself.
const AGAIN_MS = 3000;
/** What is not there now, by the exporter or by a proxy before it. */
const AWAY = [502, 503, 504];

const later = (signal) => new Promise((resolve, reject) => {
  const stop = () => { clearTimeout(timer); reject(signal.reason); };
  const timer = setTimeout(() => { signal.removeEventListener("abort", stop); resolve(); }, AGAIN_MS);
  signal.addEventListener("abort", stop);
});

/** The answer as JSON. waits(reason): there is none yet. lacks(found): why an answer is none. Throws what is refused: an error
 *  with `teams`, those that one may see. */
export async function answered(url, signal, waits, lacks = () => "") {
  for (;;) {
    let reason = "";
    try {
      // A refusal may have no reason; half of an answer is none.
      const answer = await fetch(url, { signal }), found = await (answer.ok ? answer.json() : answer.json().catch(() => ({})));
      reason = answer.ok ? lacks(found) : typeof found.detail === "string" ? found.detail : answer.statusText;
      if (answer.ok && !reason) return found;
      if (!answer.ok && !AWAY.includes(answer.status)) throw Object.assign(new Error(reason), { teams: found.teams ?? [] });
    } catch (error) {
      // No connection, or one that breaks off, is a TypeError.
      if (signal.aborted || !(error instanceof TypeError)) throw error;
    }
    waits(reason);
    await later(signal);
  }
}
