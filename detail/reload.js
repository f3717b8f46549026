// Loads an open page of `vitrine up` again when the templates or the catalog change, and says why templates are not in force. It does
// nothing in a browser on another machine.
"use strict";
(() => {
  const script = document.currentScript;
  if (!script || !/^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(location.hostname)) return;
  const state = new URL("reload.json", script.src);
  const every = 1000, most = 5; // ms; times that a page is loaded for one revision: a server that is busy may answer with an older form
  const key = "vitrine.reload";
  let banner;

  function tried(revision) {
    const [last, times] = (sessionStorage.getItem(key) || "").split(" ");
    return last === revision ? Number(times) : 0;
  }

  function show(text) {
    if (!text) {
      banner?.remove();
      banner = undefined;
      return;
    }
    if (!banner) {
      banner = document.createElement("pre");
      banner.setAttribute("role", "alert");
      banner.style.cssText = "position: fixed; inset: auto 0 0; z-index: 99; max-height: 50vh; margin: 0; padding: 1rem; overflow: auto; white-space: pre-wrap; font: 14px/1.4 monospace; color: #fff; background: #8c1d18";
    }
    if (!banner.isConnected) document.body.append(banner);
    if (banner.textContent !== text) banner.textContent = text;
  }

  async function ask() {
    try {
      if (document.hidden) return;
      const answer = await fetch(state, { cache: "no-store", signal: AbortSignal.timeout(5000) });
      if (!answer.ok) return;
      const { revision, wrong } = await answer.json();
      show(wrong.join("\n"));
      const times = tried(revision);
      if (revision === script.dataset.revision || times >= most) return;
      sessionStorage.setItem(key, `${revision} ${times + 1}`);
      location.reload();
    } catch { /* the server is not there for now */ } finally {
      setTimeout(ask, every);
    }
  }
  ask();
})();
