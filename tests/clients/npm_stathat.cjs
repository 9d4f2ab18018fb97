// Runs npm `stathat` as it is; its host is compiled in, so the runtime's http.request is told another one (stathat.md 3.1).
// node npm_stathat.cjs MODULE PORT '[["trackEZCount", key, name, 1], …]': one call after the other, each when the one before is answered.
// It prints for each what was answered, and what the callback was told: null when it was not called.

const http = require("http");

const [folder, port, calls] = process.argv.slice(2);
const request = http.request;
let answered;
http.request = (options, done) =>
  request({ ...options, hostname: "127.0.0.1", port: Number(port) }, (answer) => {
    answer.on("end", () => answered(answer.statusCode));
    done(answer);
  });
const stathat = require(folder);

async function run() {
  const told = [];
  for (const [name, ...values] of JSON.parse(calls)) {
    let heard = null;
    const status = await new Promise((resolve) => {
      answered = resolve;
      stathat[name](...values, (code, body) => {
        heard = [code, String(body)];
        if (code === 600) resolve(code); // no answer at all
      });
    });
    told.push([status, heard]);
  }
  console.log(JSON.stringify(told));
}

run();
