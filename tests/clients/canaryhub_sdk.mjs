// The same stand-in for @canaryhub/sdk in its own language, on the runtime's fetch and nothing else (canaryhub.md 3.1).
// Run with a list of calls as JSON: node canaryhub_sdk.mjs '[["init", key, options], ["event", name, fields], ["flush"], ...]'
// It prints the statuses of what was answered, which the original keeps to itself.

const HOSTED_URL = "https://ingest.canaryhub.ai/api/v1/events";
const sent = [];
let key, url, flushIntervalMs, maxBatch, timer;
let queue = [];
const underWay = new Set();

function init(given, options = {}) {
  key = given ?? process.env.CANARY_API_KEY;
  ({ url = HOSTED_URL, flushIntervalMs = 5000, maxBatch = 20 } = options);
}

function event(name, { value, meta } = {}) {
  add({ type: "event", name: name.slice(0, 200), value, meta });
}

function error(name, { message, meta } = {}) {
  add({ type: "error", name: name.slice(0, 200), message: message?.slice(0, 2000), meta });
}

function add(one) {
  if (!key) return;
  queue.push(one);
  if (queue.length >= maxBatch) send();
  else timer ??= setTimeout(send, flushIntervalMs);
}

function send() {
  clearTimeout(timer);
  timer = undefined;
  if (!queue.length) return;
  const body = JSON.stringify({ events: queue });
  queue = [];
  const headers = { "Content-Type": "application/json", Authorization: `Bearer ${key}` };
  const post = fetch(url, { method: "POST", headers, body, signal: AbortSignal.timeout(60_000) })
    .then(async (answer) => {
      await answer.arrayBuffer();
      sent.push(answer.status);
    })
    .catch(() => {})
    .finally(() => underWay.delete(post));
  underWay.add(post);
}

async function flush() {
  send();
  await Promise.all(underWay);
}

const wait = (ms) => new Promise((done) => setTimeout(done, ms));
const calls = { init, event, error, flush, wait };
for (const [name, ...words] of JSON.parse(process.argv[2])) await calls[name](...words);
console.log(JSON.stringify(sent));
