// What a keyboard adds to pages that work without it: `/` to find, `g` and a letter to go, `?` for
// the keys. And the zone of the browser, proposed once. Nothing here decides or stores, and nothing is
// sent but a form that was pressed.
"use strict";
(() => {
  const root = document.documentElement;
  const keys = document.getElementById("keys");
  const typing = (target) =>
    target instanceof HTMLElement &&
    (target.isContentEditable || /^(input|textarea|select)$/i.test(target.tagName));
  let going = 0;

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || typing(event.target)) return;
    if (going && Date.now() - going < 1500) {
      going = 0;
      const letter = /^[a-z]$/.test(event.key) ? event.key : "";
      const place = letter && document.querySelector(`[data-go="${letter}"]`);
      if (place) {
        event.preventDefault();
        location.assign(place.href);
      }
      return;
    }
    going = 0;
    if (event.key === "/") {
      const field = document.getElementById("q") || document.getElementById("find");
      if (field) {
        event.preventDefault();
        field.focus();
        field.select();
      }
    } else if (event.key === "g") {
      going = Date.now();
    } else if (event.key === "?" && keys && !keys.open) {
      event.preventDefault();
      keys.showModal();
    }
  });

  // What was refused is read first.
  const problems = document.querySelector("[role=alert] a");
  if (problems) problems.focus();

  // A secret that is shown once is marked with one click.
  for (const field of document.querySelectorAll("input.secret")) {
    field.addEventListener("focus", () => field.select());
  }

  // The pager is asked for anew, and sounds while somebody is paged. A browser lets a page sound only
  // after a press, and forgets that with the page, so what is new is fetched into this one.
  const pager = document.getElementById("pager");
  const sound = document.getElementById("sound");
  if (pager && sound) {
    let audio = null;
    const tone = () => {
      if (!audio || pager.dataset.open === "0") return;
      for (const [at, pitch] of [[0, 880], [0.25, 660], [0.5, 880]]) {
        const one = audio.createOscillator();
        one.frequency.value = pitch;
        one.connect(audio.destination);
        one.start(audio.currentTime + at);
        one.stop(audio.currentTime + at + 0.2);
      }
    };
    sound.hidden = false;
    sound.addEventListener("click", () => {
      audio = new AudioContext();
      sound.hidden = true;
      tone();
    });
    const again = async () => {
      try {
        const answer = await fetch("/pager", { credentials: "same-origin" });
        const text = await answer.text();
        const fresh = new DOMParser().parseFromString(text, "text/html").getElementById("pager");
        if (!fresh) throw new Error("no pager");
        pager.dataset.open = fresh.dataset.open;
        pager.replaceChildren(...fresh.childNodes);
      } catch {
        // Silence must not look like peace.
        pager.dataset.open = "lost";
        pager.textContent = "The server does not answer, or you are signed out: load this page again.";
      }
      tone();
    };
    setInterval(again, 20000);
    // So that the answer to a page does not end the sound of the next one. What goes wrong is shown by
    // the form itself.
    pager.addEventListener("submit", async (event) => {
      if (!audio) return;
      event.preventDefault();
      const form = event.target;
      try {
        const body = new URLSearchParams(new FormData(form));
        const answer = await fetch(form.action, { method: "POST", body, credentials: "same-origin" });
        if (!answer.ok) throw new Error("refused");
        await again();
      } catch {
        form.submit();
      }
    });
  }

  if (root.dataset.zone === "unknown") {
    const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
    if (zone && /^[A-Za-z0-9/_+-]{1,64}$/.test(zone)) {
      document.cookie = `zone=${zone}; Path=/; Max-Age=31536000; Secure; SameSite=Strict`;
      const field = document.getElementById("zone");
      if (field) field.value = zone;
    }
  }
})();
