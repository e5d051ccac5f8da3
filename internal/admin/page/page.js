"use strict";
// Shows /status, again every two seconds. What comes from there is put into the page as text only.

const every = 2000;

// make builds an element; a child is an element or text.
function make(tag, attributes, ...children) {
  const e = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) e.setAttribute(name, value);
  e.append(...children.filter((c) => c !== null && c !== undefined).map((c) => (c instanceof Node ? c : String(c))));
  return e;
}

const number = (n) => Number(n || 0).toLocaleString("en");
const rate = (n) => (n >= 100 ? n.toFixed(0) : n.toFixed(1)) + "/s";

function span(seconds) {
  const s = Math.max(0, seconds);
  if (s < 10) return s.toFixed(1) + " s";
  const units = [[86400, "d"], [3600, "h"], [60, "min"], [1, "s"]];
  for (let i = 0; i < units.length; i++) {
    const [size, name] = units[i];
    if (s < size && size > 1) continue;
    const whole = Math.floor(s / size), rest = units[i + 1];
    const more = rest ? Math.floor((s % size) / rest[0]) : 0;
    return whole + " " + name + (more ? " " + more + " " + rest[1] : "");
  }
}

const ago = (at, now) => (at ? span((Date.parse(now) - Date.parse(at)) / 1000) : "–");

function clock(at) {
  return make("time", { datetime: at, title: at }, new Date(at).toLocaleString("en-GB"));
}

function figures(list) {
  return make("dl", { class: "figures" }, ...list.map(([name, value, tone]) =>
    make("div", {}, make("dt", {}, name), make("dd", tone ? { class: tone } : {}, value))));
}

function table(names, rows, options) {
  const cells = (row) => row.map((c, i) => make("td", { "data-name": names[i], ...(typeof c === "number" ? { class: "number" } : {}) },
    typeof c === "number" ? number(c) : c));
  return make("div", { class: "wide" }, make("table", options || { class: "stack" },
    make("thead", {}, make("tr", {}, ...names.map((n) => make("th", { scope: "col" }, n)))),
    make("tbody", {}, ...rows.map((row) => make("tr", {}, ...cells(row))))));
}

function counts(map) {
  return Object.entries(map || {}).filter(([, n]) => n > 0).sort((a, b) => b[1] - a[1]);
}

const tones = { polling: "good", throttled: "odd", stalled: "bad", stopped: "bad", failing: "bad", starting: "odd", elsewhere: "quiet" };

function ages(freshness) {
  const list = freshness.ages.filter((a) => a.users > 0);
  if (!list.length) return null;
  const most = Math.max(...list.map((a) => a.users));
  const bars = make("div", { class: "bars" });
  for (const a of freshness.ages) {
    const name = a.up_to_seconds === null ? "older" : "up to " + span(a.up_to_seconds);
    if (a.users > 0) {
      const bar = make("i", {});
      bar.style.width = (100 * a.users) / most + "%";
      bars.append(make("span", {}, name), bar, make("span", {}, number(a.users)));
    }
  }
  return make("div", {}, make("h3", {}, "Users by the age of what was read of them last"), bars);
}

function tenant(t, now) {
  const card = make("section", {}, make("h2", {}, (t.alias ? t.alias + " " : "") + t.id,
    make("span", { class: "badge " + (tones[t.state] || "") }, t.state),
    make("span", { class: "quiet" }, "for " + ago(t.since, now))));
  if (t.reason) card.append(make("p", { class: tones[t.state] || "bad" }, t.reason));
  if (t.until) card.append(make("p", { class: "odd" }, "Graph asks to wait until ", clock(t.until)));
  if (t.state === "elsewhere") return card;
  const o = t.items.outcomes;
  card.append(figures([
    ["furthest behind", ago(t.freshness.oldest_mark, now)],
    ["ahead of all", ago(t.freshness.newest_mark, now)],
    ["items read", rate(t.items.per_second)],
    ["written", rate(t.items.written_per_second)],
    ["requests to Graph", rate(t.requests.per_second) + " of " + number(Math.round(t.requests.limit)), t.requests.limit < t.requests.configured ? "odd" : ""],
    ["users", number(t.users.polled)],
    ["reading history", t.users.history ? number(t.users.history) + (t.users.history_left_seconds === null ? "" : ", " + span(t.users.history_left_seconds) + " left") : "0"],
    ["slow", number(t.users.slow), t.users.slow ? "odd" : ""],
    ["suspended", number(t.users.suspended), t.users.suspended ? "odd" : ""],
    ["written in all", number(o["written"])],
    ["seen before", number(o["seen"])],
    ["superseded", number(o["superseded"])],
    ["excluded", number(o["excluded"])],
    ["dead letters", number(o["dead-letter"]), o["dead-letter"] ? "odd" : ""],
    ["late arrivals", number(t.late_arrivals.count) + (t.late_arrivals.count ? ", mean " + span(t.late_arrivals.mean_seconds) : "")],
    ["index", number(t.index.entries) + (t.index.excess ? " (" + number(t.index.excess) + " beyond INDEX_MAX_ENTRIES)" : ""), t.index.excess ? "odd" : ""],
  ]));
  const bars = ages(t.freshness);
  if (bars) card.append(bars);
  const refused = counts(t.requests.outcomes).filter(([name]) => name !== "ok");
  if (refused.length) card.append(make("h3", {}, "Requests that failed"), table(["reason", "requests"], refused, {}));
  if (t.suspended.length) {
    card.append(make("h3", {}, "Suspended users" + (t.users.suspended > t.suspended.length ? ", the first " + t.suspended.length : "")),
      table(["user", "reason", "what Graph said", "request-id", "since", "tried again"],
        t.suspended.map((p) => [p.user, p.reason, p.detail, p.request_id || "–", clock(p.since), clock(p.retry_at)])));
  }
  if (t.gaps.length) {
    card.append(make("h3", {}, "Gaps: what Graph does not show, or no longer shows if it was deleted"),
      table(["user", "from", "to", "reason", "what Graph said"], t.gaps.map((g) => [g.user, clock(g.from), clock(g.to), g.reason, g.detail || "–"])));
  }
  return card;
}

function group(s) {
  const names = Object.fromEntries(s.tenants.map((t) => [t.id, t.alias || t.id]));
  const card = make("section", {}, make("h2", {}, "Processes", make("span", { class: "quiet" }, "consumer group " + s.group.name)));
  if (s.group.error) card.append(make("p", { class: "odd" }, s.group.error));
  if (s.group.members.length) {
    card.append(table(["process", "from", "tenants"], s.group.members.map((m) =>
      [m.id + (m.self ? " (this one)" : ""), m.host, m.tenants.length ? m.tenants.map((t) => names[t] || t).join(", ") : "spare"])));
  }
  return card;
}

function recent(s) {
  if (!s.recent.length) return null;
  return make("section", {}, make("h2", {}, "Last warnings and errors"), table(["at", "level", "what"], s.recent.map((e) =>
    [clock(e.at), make("span", { class: e.level === "ERROR" ? "bad" : "odd" }, e.level),
      make("span", {}, e.message, make("span", { class: "quiet" }, e.fields.map((f) => " " + f.name + "=" + f.value).join("")))])));
}

function show(s) {
  document.title = s.name + (s.ready ? "" : " (not ready)");
  document.getElementById("name").textContent = s.name;
  const ready = document.getElementById("ready");
  ready.textContent = s.ready ? "ready" : "not ready";
  ready.className = "badge " + (s.ready ? "good" : "bad");
  document.getElementById("about").textContent = "version " + s.version + " · up " + ago(s.started, s.at) + " · " + s.delivery +
    " · topic " + s.topics.output;
  document.getElementById("main").replaceChildren(...[
    s.reasons.length ? make("section", {}, make("h2", {}, "Why it is not ready"), ...s.reasons.map((r) => make("p", { class: "bad" }, r))) : null,
    ...s.tenants.map((t) => tenant(t, s.at)), group(s), recent(s)].filter((e) => e));
  document.body.dataset.shown = s.at;
}

let heard = Date.now();

async function look() {
  const silence = document.getElementById("silence");
  try {
    const answer = await fetch("status", { cache: "no-store" });
    if (!answer.ok) throw new Error("status " + answer.status);
    show(await answer.json());
    heard = Date.now();
    silence.hidden = true;
  } catch (e) {
    silence.textContent = "No answer for " + span((Date.now() - heard) / 1000) + ". What is shown below is as old.";
    silence.hidden = false;
  }
  setTimeout(look, every);
}

look();
