"""Runs npm ``stathat`` 0.0.8, its host patched, against a Headrace server: by hand, since it is installed from the registry.

    python tests/clients/npm_stathat.py http://127.0.0.1:8787 EZKEY [UKEY CLASSIC_KEY_OF_A_COUNTER]

Needs node and npm. ``tests/contracts/test_stathat_http.py`` sends the same bytes without them.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from urllib.parse import urlsplit

PACKAGE = "stathat@0.0.8"
SCRIPT = """
const http = require('http');
const [host, port, ez, ukey, key] = JSON.parse(process.argv[2]);
const request = http.request;
http.request = (options, done) => request({...options, hostname: host, port}, done);
const stathat = require('stathat');
const told = (name) => (status, body) => console.log(name, status, String(body));
stathat.trackEZCount(ez, 'npm count', 2, told('EZ count'));
stathat.trackEZValue(ez, 'npm value', 1e-7, told('EZ value'));
stathat.trackEZCountWithTime(ez, 'npm count', 3, Math.floor(Date.now() / 1000) - 60, told('EZ count with time'));
stathat.trackEZCount(ez, '100% a=b#c', 1, told('unescaped name'));
stathat.trackEZCount(ez, '\u00e9', 37, told('name beyond ASCII'));
setTimeout(() => stathat.trackEZCount(ez, 'after it', 1, told('the next post')), 300);
if (key) {
  stathat.trackCount(ukey, key, 1, told('count by key'));
  stathat.trackValue(ukey, key, 1, told('value by the key of a counter'));
}
"""


def main(url: str, *keys: str) -> None:
    place = urlsplit(url)
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["npm", "install", "--silent", "--no-audit", "--no-fund", PACKAGE], cwd=folder, check=True)
        words = json.dumps([place.hostname, place.port or 80, *keys])
        subprocess.run(["node", "-e", SCRIPT, "--", "script", words], cwd=folder, check=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
