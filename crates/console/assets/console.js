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

  // Forms that a passkey signs: it is asked for when the button is pressed, what it signed goes into the
  // form, and the form is sent as every form is.
  const hex = (buffer) =>
    Array.from(new Uint8Array(buffer), (byte) => byte.toString(16).padStart(2, "0")).join("");
  const bytes = (text) =>
    Uint8Array.from(text.match(/[0-9a-f]{2}/g) || [], (pair) => parseInt(pair, 16));
  const answer = async (form) => {
    const { challenge, site } = form.dataset;
    const publicKey = { challenge: bytes(challenge), rpId: site, userVerification: "required" };
    const { rawId, response } = await navigator.credentials.get({ publicKey });
    return {
      key_id: hex(rawId),
      client_data: hex(response.clientDataJSON),
      authenticator_data: hex(response.authenticatorData),
      signature: hex(response.signature),
    };
  };
  const make = async (form) => {
    const { challenge, site, user, who, algorithms, attestation } = form.dataset;
    const { response } = await navigator.credentials.create({
      publicKey: {
        challenge: bytes(challenge),
        rp: { id: site, name: "Bailee" },
        user: { id: bytes(user), name: who, displayName: who },
        pubKeyCredParams: algorithms.split(" ").map((alg) => ({ type: "public-key", alg: Number(alg) })),
        authenticatorSelection: { residentKey: "required", userVerification: "required" },
        attestation,
      },
    });
    return {
      client_data: hex(response.clientDataJSON),
      attestation: hex(response.attestationObject),
    };
  };
  for (const form of document.querySelectorAll("form[data-passkey]")) {
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      const said = form.querySelector("[data-said]");
      try {
        if (!navigator.credentials) throw new Error("this browser has no passkeys");
        const parts = await (form.dataset.passkey === "make" ? make(form) : answer(form));
        for (const [name, value] of Object.entries(parts)) {
          form.querySelector(`[data-part="${name}"]`).value = value;
        }
        form.submit();
      } catch (error) {
        if (said) said.textContent = `Nothing was sent: ${error.message}`;
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
