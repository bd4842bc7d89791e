// Loads the page again when a script did not come: a network that starts late, an exporter that restarts.
addEventListener("error", (event) => { if (event.target.tagName === "SCRIPT") setTimeout(() => location.reload(), 3000); }, true);
